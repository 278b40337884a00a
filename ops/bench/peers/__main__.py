"""Compare with peers on one set, in one run: ``python -m ops.bench.peers --manifest SET.json [--queries N]``.

Every method ranks all pairs of uploads and cases; a peer's positives are the copies its sense can find (as in
streams/evaluation/figures.py). CPU seconds are those of the uploads, from the file to the scores, and of children.
"""

import argparse
import asyncio
import json
import logging
import resource
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from models.manifest import ModelError
from models.metrics import curve
from ops.bench.peers.heard import Audfprint, Chromaprint, Landmarks
from ops.bench.peers.peer import Peer, duration_s
from ops.bench.peers.seen import Sscd, Vpdq
from schemas.messages import Modality
from streams.evaluation.edits import EDITS
from streams.evaluation.evaluate import Result, evaluate
from streams.evaluation.manifest import Manifest, Query, read_manifest
from streams.settings import load_settings
from streams.telemetry.logs import configure_logging

_CANNOT_BE_HAD = (
    "vpdq 0.2.5 (PyPI): no wheel for Python 3.12, and its source needs FFmpeg's headers; vPDQ's rule is run on pdqhash",
    "TMK+PDQF: tmkpy 0.1.1 (PyPI) has no wheel and its source does not compile with GCC 12 (std::runtime_error)",
)


@dataclass(frozen=True, slots=True)
class Row:
    """What one method reached."""

    method: str
    sense: str
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
        rows, manifest = _ours(manifest)
    notes = list(_CANNOT_BE_HAD)
    for peer in _peers(arguments.only, notes):
        rows += _measured(peer, manifest)
        sys.stderr.write(f"{peer.rules[0]} done\n")
    _print(rows, manifest, notes)
    if arguments.json:
        arguments.json.write_text(json.dumps({"rows": [msgspec.to_builtins(row) for row in rows], "notes": notes}))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--queries", type=int, help="so many uploads, spread over the edits; all by default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="peers whose name holds this word")
    parser.add_argument("--without-ours", action="store_true")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def _some(queries: list[Query], n: int | None, seed: int) -> list[Query]:
    """Return so many uploads, one of each edit in turn, chosen by the seed."""
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


def _ours(manifest: Manifest) -> tuple[list[Row], Manifest]:
    """Return our figures, and the set with the senses that can find each copy: a silent reference is nobody's miss."""
    result, searched = asyncio.run(evaluate(load_settings(), manifest))
    rows = []
    for sense in ("visual", "audio", "fused"):
        found = result.per_modality[sense]
        ranks = (found.micro_ap, found.recall_at_p100, found.recall_at_p99)
        cost = _per_minute(result) if sense == "fused" else float("nan")
        rows.append(Row(f"ours, {sense}", sense, found.copies, *ranks, cost, found.per_transform))
    known = [msgspec.structs.replace(each.query, keeps=each.senses) for each in searched]
    return rows, msgspec.structs.replace(manifest, queries=known)


def _per_minute(result: Result) -> float:
    return 60 * (result.cpu_seconds or float("nan")) / result.media_seconds


def _measured(peer: Peer, manifest: Manifest) -> Iterator[Row]:
    cases = [each.case for each in manifest.references if each.path]
    peer.learn([peer.describe(Path(each.path)) for each in manifest.references if each.path])
    found: dict[str, list[tuple[float, bool, Query]]] = defaultdict(list)
    media_s, began_s = 0.0, _cpu_s()
    for query in manifest.queries:
        path = Path(query.path or "")
        media_s += duration_s(path)
        for rule, scores in peer.search(peer.describe(path)).items():
            found[rule] += _pairs(query, cases, scores, peer.sense)
    cost = 60 * (_cpu_s() - began_s) / media_s
    wanted = [query for query in manifest.queries if query.expect is not None and _has(query, peer.sense)]
    for rule, pairs in found.items():
        yield _row(rule, peer.sense, wanted, pairs, cost)


def _row(rule: str, sense: Modality, wanted: list[Query], pairs: list[tuple[float, bool, Query]], cost: float) -> Row:
    drawn = curve([score for score, _, _ in pairs], [right for _, right, _ in pairs], len(wanted))
    threshold = drawn.threshold_at(1.0)
    hits = {query.id for score, right, query in pairs if right and score >= threshold}
    shares: dict[str, list[bool]] = defaultdict(list)
    for query in wanted:
        shares[query.transform or "unnamed"].append(query.id in hits)
    per_transform = {name: sum(each) / len(each) for name, each in shares.items()}
    ranks = (drawn.average_precision, drawn.recall_at(1.0), drawn.recall_at(0.99))
    return Row(rule, sense, len(wanted), *ranks, cost, per_transform)


def _pairs(query: Query, cases: list[str], scores: list[float], sense: Modality) -> Iterator[tuple[float, bool, Query]]:
    """Yield score and rightness with each case, by its best reference; right pairs out of this sense are left out."""
    best: dict[str, float] = {}
    for case, score in zip(cases, scores, strict=True):
        best[case] = max(score, best.get(case, 0.0))
    for case, score in best.items():
        if score > 0 and (case != query.expect or _has(query, sense)):
            yield score, case == query.expect, query


def _has(query: Query, sense: Modality) -> bool:
    return query.keeps is None or sense in query.keeps


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _print(rows: list[Row], manifest: Manifest, notes: list[str]) -> None:
    n_copies = sum(query.expect is not None for query in manifest.queries)
    said: list[Any] = [f"{len(manifest.references)} references, {len(manifest.queries)} uploads, {n_copies} copies", ""]
    said += ["| method | copies | micro-AP | recall at P=1 | at P=0.99 | CPU s per 60 s |", "|---|---|---|---|---|---|"]
    for row in rows:
        ranks = f"{row.micro_ap:.3f} | {row.recall_at_p100:.3f} | {row.recall_at_p99:.3f}"
        said.append(f"| {row.method} | {row.copies} | {ranks} | {_cost(row)} |")
    said += ["", f"| recall at P=1 | {' | '.join(row.method for row in rows)} |", "|---" * (len(rows) + 1) + "|"]
    for name in [*EDITS, "pair"]:
        cells = [row.per_transform.get(name) for row in rows]
        if any(cell is not None for cell in cells):
            said.append(f"| {name} | {' | '.join('' if cell is None else f'{cell:.2f}' for cell in cells)} |")
    sys.stdout.write("\n".join([*said, "", *(f"Not run: {note}." for note in notes)]) + "\n")


def _cost(row: Row) -> str:
    return "" if np.isnan(row.cpu_s_per_minute) else f"{row.cpu_s_per_minute:.2f}"


if __name__ == "__main__":
    main()
