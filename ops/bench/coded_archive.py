"""Print what the archive's codes cost and find: ``OPENBLAS_NUM_THREADS=1 python -m ops.bench.coded_archive [MINUTES]``.

The minutes of ops/bench/suite/minutes.py, one in 200 a copy, become coded slices and are merged as in the archive, but
without its engine, which takes longer to fill than all else: so the last slice, which it has, is not counted. Searched
with a reference that all copies show, those with a cosine of 0.6 to 0.8, as after an edit, and weaker ones. Recall is
the share of the copies with a score of 0.3 or more that are candidates. Every candidate's exact rows are compared; the
time of reading them from their topic is not in it. Files are in the page cache.

With ``--times`` the slices are there so many times, each time of other weeks and other records: room and time are those
of an archive so many times as large. Their weeks are settled, and each is a file or two.
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
from streams.match import merge_order, slices
from streams.match.archive import Hit
from streams.match.coded_slice import CodedSlice
from streams.match.compaction import compacted
from streams.match.file_search import in_files
from streams.match.packed_slices import PackedSlice
from streams.match.reference_index import ReferenceIndex
from streams.match.slice_files import SliceFiles
from streams.match.slices import Slice

_COSINES, _EDIT = (0.4, 0.45, 0.5, 0.6, 0.7, 0.8), 0.6
_WEEKS = 1_000
"""Weeks between two times of the same slices."""


class Filled:
    """One modality's files, and the time that it took to code and merge them."""

    def __init__(self, folder: Path, modality: str) -> None:
        self.files, self.modality = SliceFiles(folder), modality
        self.coding_s, self.n_minutes = 0.0, 0
        self.waiting: list[tuple[Hit, Descriptors]] = []
        """The last slice, which is not full yet."""
        self._n_slices = self._first_week = 0

    def add(self, hit: Hit, described: Descriptors) -> None:
        """Add a minute at its position."""
        self.waiting.append((hit, described))
        if sum(one.vectors.rows for _, one in self.waiting) < slices.ROWS:
            return
        week = described.segment.post.seen_at.toordinal() // 7
        self._first_week = self._first_week or week
        began_s = time.process_time()
        self.files.write(Slice(self.modality, week, self._n_slices), _packed(self.waiting))
        self._compact()
        self.coding_s += time.process_time() - began_s
        self.waiting, self.n_minutes = [], hit.offset + 1
        self._n_slices += 1

    def _compact(self) -> None:
        while (found := compacted(self.files)) is not None:
            self.files.write(found.group[-1], found.content)
            for one in found.group[:-1]:
                self.files.drop(one)

    def settle(self) -> None:
        """Merge what is coded as of weeks to which nothing is added any more."""
        settled, merge_order.SETTLED = merge_order.SETTLED, -1
        self._compact()
        merge_order.SETTLED = settled

    def repeat(self, times: int) -> None:
        """Write all coded slices so many times in all."""
        for one in sorted(one for one in self.files.existing if one.week < _WEEKS + self._first_week):
            if isinstance(content := self.files.read(one), CodedSlice):
                for at in range(1, times):
                    hits = content.hits + np.array([0, at * self.n_minutes])
                    self.files.write(one._replace(week=one.week + _WEEKS * at), content._replace(hits=hits))


class _Copies(NamedTuple):
    """Minutes with a score of 0.3 or more: those as after an edit, and weaker ones."""

    edits: list[int]
    weaker: list[int]


def main() -> None:
    """Measure and print one line for each modality."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("minutes", type=int, nargs="?", default=6_000)
    parser.add_argument("--times", type=int, nargs="*", default=[])
    given = parser.parse_args()
    clips = sorted(demonstration(), key=lambda file: file.stem != CASE_CLIP)
    minutes, pieces = Minutes(clips, 1, _COSINES), asyncio.run(pieces_of(clips[0]))
    sys.stdout.write(
        "modality    minutes  files  bytes a minute  coding, s  search, s  CPU s  candidates  compare, s"
        "  edits  recall  weaker  recall\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        filled = {piece.modality: Filled(Path(folder) / piece.modality, piece.modality) for piece in pieces}
        for number in range(given.minutes):
            for described in minutes.of(number):
                filled[described.modality].add(Hit(0, number), described)
        for times in sorted({1, *given.times}):
            for piece in pieces:
                if times > 1:
                    filled[piece.modality].settle()
                filled[piece.modality].repeat(times)
                sys.stdout.write(measured(filled[piece.modality], minutes, piece, times))
                sys.stdout.flush()


def measured(filled: Filled, minutes: Minutes, piece: Reference, times: int) -> str:
    """Return the line of a piece's modality."""
    index, tokens = index_of([piece])
    token = tokens[piece.modality]
    rule = index.candidate_rule(token, piece)
    assert rule is not None  # the piece is in memory
    existing = sorted(filled.files.existing)
    in_files(filled.files, existing, piece, rule)  # the files are in memory from here on
    began_s, cpu_s = time.perf_counter(), time.process_time()
    found = in_files(filled.files, existing, piece, rule)
    search_s, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
    compare_s = _compared(index, token, minutes, piece, sorted({hit.offset % filled.n_minutes for hit in found}))
    n_candidates = len(found)
    copies = _copies(index, token, minutes, piece, filled.n_minutes)
    n_bytes = sum(file.stat().st_size for file in filled.files.folder.iterdir())
    n_minutes = times * filled.n_minutes
    columns = [
        f"{piece.modality:8}{n_minutes:11}{len(filled.files.existing):7}{n_bytes / max(1, n_minutes):16.0f}",
        f"{filled.coding_s:11.1f}{search_s:11.2f}{cpu_s:7.2f}{n_candidates:12}{compare_s:12.4f}",
        *(f"{times * len(some):7}{_recall(found, some, filled.n_minutes, times):8.4f}" for some in copies),
    ]
    return "".join(columns) + "\n"


def _recall(found: set[Hit], numbers: Sequence[int], n_minutes: int, times: int) -> float:
    wanted = {Hit(0, at * n_minutes + number) for number in numbers for at in range(times)}
    return len(wanted & found) / max(1, len(wanted))


def _copies(index: ReferenceIndex, token: str, minutes: Minutes, piece: Reference, n_minutes: int) -> _Copies:
    copies = filter(minutes.is_copy, range(n_minutes))
    scored = [number for number in copies if _is_match(index, token, minutes, piece, number)]
    return _Copies(
        [number for number in scored if minutes.cosine(number) >= _EDIT],
        [number for number in scored if minutes.cosine(number) < _EDIT],
    )


def _is_match(index: ReferenceIndex, token: str, minutes: Minutes, piece: Reference, number: int) -> bool:
    match = index.match_one(token, _of(minutes, number, piece))
    return match is not None and match.score >= MATCHED


def _compared(index: ReferenceIndex, token: str, minutes: Minutes, piece: Reference, numbers: Sequence[int]) -> float:
    """Return the processor time of the comparison of these minutes."""
    used_s = 0.0
    for number in numbers:
        described = _of(minutes, number, piece)
        began_s = time.process_time()
        index.match_one(token, described)
        used_s += time.process_time() - began_s
    return used_s


def _packed(placed: Sequence[tuple[Hit, Descriptors]]) -> PackedSlice:
    vectors = [unpack(described.vectors) for _, described in placed]
    counts = [len(rows) for rows in vectors]
    return PackedSlice.of_rows(
        np.concatenate(vectors),
        np.repeat(np.array([hit for hit, _ in placed], np.int64), counts, axis=0),
        np.concatenate([described.times_s for _, described in placed]),
        np.repeat([len(set(described.times_s)) for _, described in placed], counts).astype(np.int32),
    )


def _of(minutes: Minutes, number: int, piece: Reference) -> Descriptors:
    return next(one for one in minutes.of(number) if one.modality == piece.modality)


if __name__ == "__main__":
    main()
