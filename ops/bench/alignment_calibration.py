"""Print the similarities and scores of copies and of others: ``python -m ops.bench.alignment_calibration SET.json``.

For choosing `VISUAL` and `AUDIO` of models/alignment_parameters.py. `--cache DIR` caches descriptors as `jikimi
evaluate` does. The similarity of an upload's time to a case is the largest over its views and all times of the case.
Where copies and others are equally likely is about `even`; how fast copies become likelier above it is `nats`.
"""

import asyncio
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.voting import max_by
from ops.bench.described import default_describers, set_arguments
from schemas.matrix import unpack
from schemas.messages import Descriptors, Modality
from streams.evaluation.described import describe_references
from streams.evaluation.described_set import describe_queries
from streams.evaluation.judged import build_index
from streams.evaluation.manifest import Manifest, Query, read_manifest
from streams.match.reference_index import ReferenceIndex

_MODALITIES: tuple[Modality, ...] = ("visual", "audio")
_PERCENT = (1, 5, 25, 50, 75, 95, 99)
_SHOWN = 8


class Pair(NamedTuple):
    """Score of an upload with a case."""

    score: float
    case: str
    query: Query


class Measured:
    """Similarities and scores of one modality, by whether they are of copies."""

    def __init__(self) -> None:
        self.similar: dict[bool, list[npt.NDArray[np.float32]]] = {True: [], False: []}
        self.pairs: dict[bool, list[Pair]] = {True: [], False: []}

    def add(self, query: Query, described: Sequence[Descriptors], index: ReferenceIndex, cases: set[str]) -> None:
        """Compare one upload with every case."""
        best: dict[str, float] = dict.fromkeys(cases, 0.0)
        for each in described:
            for match in index.search(each):
                best[match.case_id] = max(best[match.case_id], match.score)
            for case, row_maxima in _row_maxima(each, index).items():
                self.similar[case == query.expect].append(row_maxima)
        for case, score in best.items():
            self.pairs[case == query.expect].append(Pair(score, case, query))

    def show(self, modality: Modality) -> None:
        """Print all figures."""
        for copy, name in ((True, "copies"), (False, "others")):
            rows, scores = self.similar[copy], [pair.score for pair in self.pairs[copy]]
            _print(f"{modality}: similarity of {name}", np.concatenate(rows) if rows else [])
            _print(f"{modality}: score of {name}", scores)
        most = max((pair.score for pair in self.pairs[False]), default=0.0)
        by_edit: dict[str, list[float]] = defaultdict(list)
        for pair in self.pairs[True]:
            by_edit[pair.query.transform or "-"].append(pair.score)
        for edit, found in sorted(by_edit.items(), key=lambda item: min(item[1]))[: 3 * _SHOWN]:
            above = np.mean(np.array(found) > most)
            sys.stdout.write(
                f"  {edit:28} least {min(found):.2f} median {np.median(found):.2f} above all others {above:.2f}\n"
            )
        for pair in sorted(self.pairs[False], key=lambda pair: pair.score)[-_SHOWN:]:
            sys.stdout.write(f"  other {pair.query.id} {pair.case} {pair.score:.2f}\n")


async def measure(manifest: Manifest, cache: Path | None) -> dict[Modality, Measured]:
    """Describe a set and compare all uploads with all references, by modality."""
    given = default_describers(cache)
    pieces = await describe_references(*given, manifest.references)
    index, cases = build_index(pieces, []), {case for case, _ in pieces}
    measured = {modality: Measured() for modality in _MODALITIES}
    queries = [query for query in manifest.queries if query.path]
    async for query, described in describe_queries(*given, queries):
        for modality in _MODALITIES:
            if of_modality := [each for each in described.descriptors if each.modality == modality]:
                measured[modality].add(query, of_modality, index, cases)
    return measured


def main() -> None:
    """Measure and print."""
    given = set_arguments(__doc__).parse_args()
    for modality, measured in asyncio.run(measure(read_manifest(given.manifest), given.cache)).items():
        measured.show(modality)


def _row_maxima(query: Descriptors, index: ReferenceIndex) -> dict[str, npt.NDArray[np.float32]]:
    """Return the largest similarity of each time of an upload to each case."""
    times, group = np.unique(query.times_s, return_inverse=True)
    found: dict[str, npt.NDArray[np.float32]] = {}
    for piece in index.pieces.values():
        case, reference = piece.case_id, piece.load()
        if piece.space[0] == query.modality and len(times) and piece.n_rows and reference is not None:
            best = max_by(unpack(query.vectors) @ unpack(reference.vectors).T, group, len(times)).max(axis=1)
            found[case] = np.maximum(found[case], best) if case in found else best
    return found


def _print(label: str, values: Sequence[float] | npt.NDArray[np.float32]) -> None:
    cells = (
        " ".join(
            f"{percent} %: {value:.2f}"
            for percent, value in zip(_PERCENT, np.percentile(values, _PERCENT), strict=True)
        )
        if len(values)
        else "none"
    )
    sys.stdout.write(f"{label} ({len(values)}): {cells}\n")


if __name__ == "__main__":
    main()
