"""Search of the archive's files for what may match a piece, by as many threads as there are cores."""

import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import batched
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from models.text.terms import bare
from schemas.matrix import unpack
from schemas.messages import Reference
from streams.match.archive import CandidateRule, Hit, NearPairs
from streams.match.archive_codes import ArchiveCodes
from streams.match.coded_slice import CodedSlice
from streams.match.normalisation import Rows
from streams.match.packed_slices import PackedSlice
from streams.match.row_index import Hits
from streams.match.shortlist import MOST_ROWS, thinning
from streams.match.slice_files import SliceFiles
from streams.match.slices import Slice

_COMPARED = 500_000_000
"""Pairs of a code and a row of a piece that one search compares, about two seconds of one core.

With more codes fewer rows are compared with each, then each row with the codes of the lists that it is nearest to, but
not with fewer than the share below, so a search takes longer from there on.
"""
_FEWEST_ROWS, _LEAST_SHARE = 48, 1 / 8
"""Fewer rows of all codes find more copies than more rows of half of them, and fewer other segments."""
_TOGETHER = 8
"""Coded slices of which the evidence is computed together: of each alone it would take longer than the codes."""


class _Coded(NamedTuple):
    """A coded slice, its codes, and the rows of the piece in their dimensions."""

    content: CodedSlice
    codes: ArchiveCodes
    projected: Rows


class _Piece(NamedTuple):
    """What is searched for."""

    rows: Rows
    times_s: npt.NDArray[np.float64]
    digests: list[bytes]
    rule: CandidateRule

    def thinned(self, n_codes: int) -> Self:
        """Return the piece with the rows that are compared with so many codes."""
        n_rows = int(np.clip(_COMPARED // max(1, n_codes), _FEWEST_ROWS, MOST_ROWS))
        step = thinning(len(self.rows), n_rows)
        return self._replace(rows=self.rows[::step], times_s=self.times_s[::step])


def in_files(files: SliceFiles, slices: Iterable[Slice], reference: Reference, rule: CandidateRule) -> set[Hit]:
    """Return the segments in these slices' files that may match a piece."""
    existing = files.existing
    stored = [one for one in slices if one in existing]
    piece = _Piece(
        unpack(reference.vectors),
        np.asarray(reference.times_s, np.float64),
        [bare(digest) for digest in reference.digests],
        rule,
    )
    contents = [content for one in stored if isinstance(content := files.read(one), CodedSlice)]
    thinned = piece.thinned(sum(content.n_rows for content in contents))
    coded = _coded(contents, files.codes(stored[0].space) if stored else {}, thinned)
    share = _share(coded)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        exact = pool.map(lambda one: _in_file(files, one, piece), (one for one in stored if not files.is_coded(one)))
        likely = pool.map(lambda some: _in_coded(some, thinned, share), batched(coded, _TOGETHER))
        return set[Hit]().union(*exact, *likely)


def _coded(
    contents: Sequence[CodedSlice], codes: Mapping[tuple[int, int], ArchiveCodes], piece: _Piece
) -> list[_Coded]:
    """Return coded slices with the piece's rows, which are projected once for all slices of the same codes."""
    projected = {key: found.projected(piece.rows) for key, found in codes.items()}
    return [_Coded(one, codes[one.trained_on], projected[one.trained_on]) for one in contents]


def _share(coded: Sequence[_Coded]) -> float:
    n_pairs = sum(one.content.n_rows * len(one.projected) for one in coded)
    return float(np.clip(_COMPARED / max(1, n_pairs), _LEAST_SHARE, 1.0))


def _in_file(files: SliceFiles, one: Slice, piece: _Piece) -> set[Hit]:
    if not isinstance(content := files.read(one), PackedSlice):
        return set()
    return _hits(content.hits[np.union1d(content.near(piece.rows, piece.rule), content.named(piece.digests))])


def _in_coded(some: Sequence[_Coded], piece: _Piece, share: float) -> set[Hit]:
    """Return the likely segments in some slices, whose evidence is computed together."""
    found = {hit for one in some for hit in _hits(one.content.hits[one.content.named(piece.digests)])}
    if not len(piece.rows):
        return found
    floor = piece.rule.estimated_floor
    near = _joined([one.content.pairs(one.codes, one.projected, piece.times_s, floor, share) for one in some])
    before = np.cumsum([0, *(len(one.content.hits) for one in some)])
    likely = piece.rule.likely(near)
    at = np.searchsorted(before, likely, side="right") - 1
    return found.union(*(_hits(one.content.hits[likely[at == n] - before[n]]) for n, one in enumerate(some)))


def _joined(parts: Sequence[NearPairs]) -> NearPairs:
    """Return pairs with the segments of several slices, which are numbered on."""
    before = np.cumsum([0, *(len(part.n_times) for part in parts[:-1])])
    hits = [part.hits._replace(number=part.hits.number + at) for part, at in zip(parts, before, strict=True)]
    joined = Hits(*(np.concatenate(column) for column in zip(*hits, strict=True)))
    return NearPairs(joined, parts[0].times_s, np.concatenate([part.n_times for part in parts]))


def _hits(positions: npt.NDArray[np.int64]) -> set[Hit]:
    return {Hit(partition, offset) for partition, offset in positions.tolist()}
