"""Search of the archive's files for what may match a piece, by as many threads as there are cores."""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.text.terms import bare
from schemas.matrix import unpack
from schemas.messages import Reference
from streams.match.archive import CandidateRule, Hit
from streams.match.coded_slice import MOST_ROWS, CodedSlice
from streams.match.normalisation import Rows
from streams.match.packed_slices import PackedSlice
from streams.match.slice_files import CODED_ROWS, SliceFiles
from streams.match.slices import Slice

_COMPARED = 1_000_000_000
"""Pairs of a code and a row of a piece that one search compares, some seconds of one core.

Of more codes each row is compared with those of the lists that it is nearest to, but not with fewer than the share
below, so a search takes longer from there on.
"""
_LEAST_SHARE = 0.125


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
    piece = _Piece(
        unpack(reference.vectors),
        np.asarray(reference.times_s, np.float64),
        [bare(digest) for digest in reference.digests],
        rule,
        _share(reference, sum(files.is_coded(one) for one in stored)),
    )
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return set[Hit]().union(*pool.map(lambda one: _in_file(files, one, piece), stored))


def _share(reference: Reference, n_coded: int) -> float:
    n_pairs = n_coded * CODED_ROWS * max(1, min(MOST_ROWS, reference.vectors.rows))
    return float(np.clip(_COMPARED / max(1, n_pairs), _LEAST_SHARE, 1.0))


def _in_file(files: SliceFiles, one: Slice, piece: _Piece) -> set[Hit]:
    match files.read(one):
        case CodedSlice() as content:
            near = content.near(piece.rows, piece.times_s, piece.rule, piece.share)
        case PackedSlice() as content:
            near = content.near(piece.rows, piece.rule)
        case None:
            return set()
    found = content.hits[np.union1d(near, content.named(piece.digests))]
    return {Hit(int(partition), int(offset)) for partition, offset in found}
