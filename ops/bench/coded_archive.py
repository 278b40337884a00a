"""Print what the archive's codes cost and find: ``python -m ops.bench.coded_archive [MINUTES] [SEED]``.

The minutes of ops/bench/suite/minutes.py, one in 200 a copy, become coded slices without the engine, which takes longer
to fill than all else: so rows that still wait for their slice are not counted. Searched with a reference that all
copies show. Recall is the share of the copies with a score of 0.3 or more that are candidates.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ops.bench.first_pass.files import demonstration
from ops.bench.suite.minutes import Minutes
from ops.bench.suite.retro import CASE_CLIP, MATCHED, index_of, pieces_of
from schemas.matrix import unpack
from schemas.messages import Descriptors, Reference
from streams.match.archive import Hit
from streams.match.coded_slice import CodedSlice
from streams.match.file_search import in_files
from streams.match.packed_slices import PackedSlice
from streams.match.reference_index import ReferenceIndex
from streams.match.slice_files import CODED_ROWS, SliceFiles
from streams.match.slices import Slice


class _Filled(NamedTuple):
    """One modality's slices, and the number of minutes in them."""

    slices: list[Slice]
    n_minutes: int
    seconds: float


def main() -> None:
    """Measure and print one line for each modality."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("minutes", nargs="?", type=int, default=6000)
    parser.add_argument("seed", nargs="?", type=int, default=1)
    given = parser.parse_args()
    n_minutes, seed = given.minutes, given.seed
    clips = sorted(demonstration(), key=lambda file: file.stem != CASE_CLIP)
    minutes, pieces = Minutes(clips, seed), asyncio.run(pieces_of(clips[0]))
    sys.stdout.write("modality  minutes  bytes a minute  coding, s  search, s  candidates  copies  recall\n")
    with tempfile.TemporaryDirectory() as folder:
        for piece in pieces:
            files = SliceFiles(Path(folder) / piece.modality)
            sys.stdout.write(measured(files, _filled(files, minutes, piece, n_minutes), minutes, piece))


def measured(files: SliceFiles, filled: _Filled, minutes: Minutes, piece: Reference) -> str:
    """Return the line of a piece's modality."""
    index, tokens = index_of([piece])
    rule = index.candidate_rule(tokens[piece.modality], piece)
    assert rule is not None  # the piece is in memory
    began_s = time.perf_counter()
    found = in_files(files, filled.slices, piece, rule)
    search_s = time.perf_counter() - began_s
    copies = [number for number in range(filled.n_minutes) if _is_match(index, tokens, minutes, number, piece)]
    recall = sum(Hit(0, number) in found for number in copies) / max(1, len(copies))
    n_bytes = sum(file.stat().st_size for file in files.folder.iterdir())
    return (
        f"{piece.modality:8}{filled.n_minutes:9}{n_bytes / max(1, filled.n_minutes):16.0f}{filled.seconds:11.1f}"
        f"{search_s:11.2f}{len(found):12}{len(copies):8}{recall:8.4f}\n"
    )


def _filled(files: SliceFiles, minutes: Minutes, piece: Reference, n_minutes: int) -> _Filled:
    waiting: list[tuple[int, Descriptors]] = []
    slices: list[Slice] = []
    coding_s, n_coded = 0.0, 0
    for number in range(n_minutes):
        waiting.append((number, _of(minutes, number, piece)))
        if sum(described.vectors.rows for _, described in waiting) < CODED_ROWS:
            continue
        one = Slice(piece.modality, 0, len(slices))
        began_s = time.perf_counter()
        files.write(one, CodedSlice.of([_packed(waiting)], one.number, thinned=piece.modality == "audio"))
        coding_s += time.perf_counter() - began_s
        slices.append(one)
        waiting, n_coded = [], number + 1
    return _Filled(slices, n_coded, coding_s)


def _packed(numbered: Sequence[tuple[int, Descriptors]]) -> PackedSlice:
    vectors = [unpack(described.vectors) for _, described in numbered]
    counts = [len(rows) for rows in vectors]
    return PackedSlice.of_rows(
        np.concatenate(vectors),
        np.repeat(np.array([[0, number] for number, _ in numbered], np.int64), counts, axis=0),
        np.concatenate([described.times_s for _, described in numbered]),
        np.repeat([len(set(described.times_s)) for _, described in numbered], counts).astype(np.int32),
    )


def _is_match(index: ReferenceIndex, tokens: dict[str, str], minutes: Minutes, number: int, piece: Reference) -> bool:
    if not minutes.is_copy(number):
        return False
    match = index.match_one(tokens[piece.modality], _of(minutes, number, piece))
    return match is not None and match.score >= MATCHED


def _of(minutes: Minutes, number: int, piece: Reference) -> Descriptors:
    return next(one for one in minutes.of(number) if one.modality == piece.modality)


if __name__ == "__main__":
    main()
