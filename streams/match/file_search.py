"""Search of the archive's files for what may match a piece, by as many threads as there are cores."""

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import batched
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.text.terms import bare
from schemas.matrix import unpack
from schemas.messages import Reference
from streams.match.archive import CandidateRule, Hit, NearPairs
from streams.match.coded_slice import CodedSlice
from streams.match.normalisation import Rows
from streams.match.packed_slices import PackedSlice
from streams.match.row_index import Hits
from streams.match.shortlist import MOST_ROWS
from streams.match.slice_files import CODED_ROWS, SliceFiles
from streams.match.slices import Slice

_COMPARED = 1_000_000_000
"""Pairs of a code and a row of a piece that one search compares, some seconds of one core.

Of more codes each row is compared with those of the lists that it is nearest to, but not with fewer than the share
below, so a search takes longer from there on.
"""
_LEAST_SHARE = 0.125
_TOGETHER = 16
"""Coded slices of which the evidence is computed together: of each alone it would take longer than the codes."""


class _Piece(NamedTuple):
    """What is searched for."""

    rows: Rows
    times_s: npt.NDArray[np.float64]
    digests: list[bytes]
    rule: CandidateRule
    share: float


def in_files(files: SliceFiles, slices: Iterable[Slice], reference: Reference, rule: CandidateRule) -> set[Hit]:
    """Return the segments in these slices' files that may match a piece."""
    existing = files.existing
    stored = [one for one in slices if one in existing]
    coded = [one for one in stored if files.is_coded(one)]
    piece = _Piece(
        unpack(reference.vectors),
        np.asarray(reference.times_s, np.float64),
        [bare(digest) for digest in reference.digests],
        rule,
        _share(reference, len(coded)),
    )
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        exact = pool.map(lambda one: _in_file(files, one, piece), (one for one in stored if not files.is_coded(one)))
        likely = pool.map(lambda some: _in_coded(files, some, piece), batched(coded, _TOGETHER))
        return set[Hit]().union(*exact, *likely)


def _share(reference: Reference, n_coded: int) -> float:
    n_pairs = n_coded * CODED_ROWS * max(1, min(MOST_ROWS, reference.vectors.rows))
    return float(np.clip(_COMPARED / max(1, n_pairs), _LEAST_SHARE, 1.0))


def _in_file(files: SliceFiles, one: Slice, piece: _Piece) -> set[Hit]:
    if not isinstance(content := files.read(one), PackedSlice):
        return set()
    return _hits(content.hits[np.union1d(content.near(piece.rows, piece.rule), content.named(piece.digests))])


def _in_coded(files: SliceFiles, some: Iterable[Slice], piece: _Piece) -> set[Hit]:
    """Return the likely segments in some slices, whose evidence is computed together."""
    contents = [content for one in some if isinstance(content := files.read(one), CodedSlice)]
    found = {hit for content in contents for hit in _hits(content.hits[content.named(piece.digests)])}
    if not contents or not len(piece.rows):
        return found
    floor = piece.rule.estimated_floor
    near = _joined([content.pairs(piece.rows, piece.times_s, floor, piece.share) for content in contents])
    return found | _hits(np.concatenate([content.hits for content in contents])[piece.rule.likely(near)])


def _joined(parts: Sequence[NearPairs]) -> NearPairs:
    """Return pairs with the segments of several slices, which are numbered on."""
    before = np.cumsum([0, *(len(part.n_times) for part in parts[:-1])])
    hits = [part.hits._replace(number=part.hits.number + at) for part, at in zip(parts, before, strict=True)]
    joined = Hits(*(np.concatenate(column) for column in zip(*hits, strict=True)))
    return NearPairs(joined, parts[0].times_s, np.concatenate([part.n_times for part in parts]))


def _hits(positions: npt.NDArray[np.int64]) -> set[Hit]:
    return {Hit(partition, offset) for partition, offset in positions.tolist()}
