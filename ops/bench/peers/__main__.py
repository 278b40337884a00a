"""Compare with peers on one set, in one run: ``python -m ops.bench.peers --manifest SET.json [--queries N]``.

Every method ranks all pairs of uploads and cases; a peer is measured on the copies that its modality can find (as in
streams/evaluation/figures.py). CPU seconds are of the uploads, from the file to the scores, child processes included.
"""

import argparse
import asyncio
import json
import logging
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from models.manifest import ModelError
from models.metrics import precision_recall_curve, recall_by_group
from ops.bench.peers.audio import Audfprint, Chromaprint
from ops.bench.peers.landmarks import Landmarks
from ops.bench.peers.peer import Peer, duration_s
from ops.bench.peers.visual import Plain, Sscd, Vpdq
from schemas.messages import Modality
from streams.evaluation.cpu import cpu_s
from streams.evaluation.edits import EDITS
from streams.evaluation.evaluate import evaluate
from streams.evaluation.manifest import Manifest, Query, read_manifest
from streams.settings import load_settings
from streams.telemetry.logs import configure_logging

_NOT_AVAILABLE = (
    "vpdq 0.2.5 (PyPI): no wheel for Python 3.12, and its source needs FFmpeg's headers; vPDQ's rule is run on pdqhash",
    "TMK+PDQF: tmkpy 0.1.1 (PyPI) has no wheel and its source does not compile with GCC 12 (std::runtime_error)",
)


type _Pair = tuple[float, bool, Query]
"""Score of an upload with a case, whether it is a copy, and the upload."""


@dataclass(frozen=True, slots=True)
class Row:
    """Figures of one method."""

    method: str
    modality: str
    copies: int
    micro_ap: float
    recall_at_p100: float
    recall_at_p99: float
    cpu_s_per_minute: float
    per_transform: dict[str, float]


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    configure_logging(logging.WARNING)
    whole = read_manifest(arguments.manifest)
    files = [query for query in whole.queries if query.path is not None]
    manifest = msgspec.structs.replace(whole, queries=_some(files, arguments.queries, arguments.seed))
    rows: list[Row] = []
    if not arguments.without_ours:
        rows, manifest = _ours(manifest, arguments.cache)
    notes = list(_NOT_AVAILABLE)
    for peer in _peers(arguments.only, notes):
        rows += _measured(peer, manifest)
        sys.stderr.write(f"{peer.rules[0]} done\n")
    _print(rows, manifest, notes)
    if arguments.json:
        arguments.json.write_text(json.dumps({"rows": [msgspec.to_builtins(row) for row in rows], "notes": notes}))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--queries", type=int, help="number of uploads, spread over the edits; all by default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="peers whose name contains this text")
    parser.add_argument("--without-ours", action="store_true")
    parser.add_argument(
        "--cache", type=Path, help="descriptors of `jikimi evaluate`, for ours, whose cost is then its own"
    )
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def _some(queries: list[Query], n: int | None, seed: int) -> list[Query]:
    """Return n uploads, one of each edit in turn, chosen by the seed."""
    groups: dict[str, list[Query]] = defaultdict(list)
    for index in np.random.default_rng(seed).permutation(len(queries)):
        query = queries[index]
        groups[(query.transform or "") if query.expect else "unrelated"].append(query)
    turns = [queue[turn] for turn in range(len(queries)) for queue in groups.values() if turn < len(queue)]
    return turns[:n]


def _peers(only: str, notes: list[str]) -> Iterator[Peer]:
    makers: dict[str, Callable[[], Peer]] = {
        "vpdq": Vpdq,
        "sscd-distilled": lambda: Sscd("sscd-distilled"),
        "sscd-int8": lambda: Sscd("sscd-int8"),
        "plain": lambda: Plain("sscd-distilled"),
        "audfprint": Audfprint,
        "landmarks": Landmarks,
        "chromaprint": Chromaprint,
    }
    for name, make in makers.items():
        if only not in name:
            continue
        missing = Chromaprint.missing() if name == "chromaprint" else None
        try:
            if missing is None:
                yield make()
        except ModelError as error:
            missing = str(error)
        if missing is not None:
            notes.append(f"{name}: {missing}")


def _ours(manifest: Manifest, cache: Path | None) -> tuple[list[Row], Manifest]:
    """Return our figures, and the set with the modalities that can find each copy: a silent reference is no miss."""
    result, searched = asyncio.run(evaluate(load_settings(), manifest, cache=cache))
    rows = []
    for modality in ("visual", "audio", "fused"):
        found = result.per_modality[modality]
        ranks = (found.micro_ap, found.recall_at_p100, found.recall_at_p99)
        cost = result.cpu_s_per_minute if modality == "fused" else None
        rows.append(Row(f"ours, {modality}", modality, found.copies, *ranks, cost or float("nan"), found.per_transform))
    queries = [msgspec.structs.replace(each.query, keeps=each.modalities) for each in searched]
    return rows, msgspec.structs.replace(manifest, queries=queries)


def _measured(peer: Peer, manifest: Manifest) -> Iterator[Row]:
    cases = [each.case for each in manifest.references if each.path]
    peer.add_references([peer.describe(Path(each.path)) for each in manifest.references if each.path])
    found: dict[str, list[_Pair]] = defaultdict(list)
    media_s, began_s = 0.0, cpu_s()
    for query in manifest.queries:
        path = Path(query.path or "")
        media_s += duration_s(path)
        for rule, scores in peer.search(peer.describe(path)).items():
            found[rule] += _pairs(query, cases, scores, peer.modality)
    cost = 60 * (cpu_s() - began_s) / media_s
    wanted = [query for query in manifest.queries if query.expect is not None and _has(query, peer.modality)]
    for rule, pairs in found.items():
        yield _row(rule, peer.modality, wanted, pairs, cost)


def _row(rule: str, modality: Modality, wanted: list[Query], pairs: list[_Pair], cost: float) -> Row:
    drawn = precision_recall_curve([score for score, _, _ in pairs], [copy for _, copy, _ in pairs], len(wanted))
    threshold = drawn.threshold_at(1.0)
    hits = {query.id for score, copy, query in pairs if copy and score >= threshold}
    per_transform = recall_by_group((query.transform or "unnamed", query.id in hits) for query in wanted)
    ranks = (drawn.average_precision, drawn.recall_at(1.0), drawn.recall_at(0.99))
    return Row(rule, modality, len(wanted), *ranks, cost, per_transform)


def _pairs(query: Query, cases: list[str], scores: list[float], modality: Modality) -> Iterator[_Pair]:
    """Yield score, label and upload for each case, by its best reference, without copies of other modalities."""
    best: dict[str, float] = {}
    for case, score in zip(cases, scores, strict=True):
        best[case] = max(score, best.get(case, 0.0))
    for case, score in best.items():
        if score > 0 and (case != query.expect or _has(query, modality)):
            yield score, case == query.expect, query


def _has(query: Query, modality: Modality) -> bool:
    return query.keeps is None or modality in query.keeps


def _print(rows: list[Row], manifest: Manifest, notes: list[str]) -> None:
    n_copies = sum(query.expect is not None for query in manifest.queries)
    lines = [
        f"{len(manifest.references)} references, {len(manifest.queries)} uploads, {n_copies} copies",
        "",
        "| method | copies | micro-AP | recall at P=1 | at P=0.99 | CPU s per 60 s |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        ranks = f"{row.micro_ap:.3f} | {row.recall_at_p100:.3f} | {row.recall_at_p99:.3f}"
        cost = "" if np.isnan(row.cpu_s_per_minute) else f"{row.cpu_s_per_minute:.2f}"
        lines.append(f"| {row.method} | {row.copies} | {ranks} | {cost} |")
    lines += ["", f"| recall at P=1 | {' | '.join(row.method for row in rows)} |", "|---" * (len(rows) + 1) + "|"]
    for name in [*EDITS, "pair"]:
        cells = [row.per_transform.get(name) for row in rows]
        if any(cell is not None for cell in cells):
            lines.append(f"| {name} | {' | '.join('' if cell is None else f'{cell:.2f}' for cell in cells)} |")
    sys.stdout.write("\n".join([*lines, "", *(f"Not run: {note}." for note in notes)]) + "\n")


if __name__ == "__main__":
    main()
