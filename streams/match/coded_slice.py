"""Slices of the archive as codes: 48 bytes a row of pictures, 32 of sound, trained on the rows that they code.

A search of codes estimates cosines. It finds the segments worth a comparison with the exact rows, which the topic of
descriptors has.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Self

import faiss
import numpy as np
import numpy.typing as npt

from streams.match.archive import NearPairs
from streams.match.normalisation import Rows
from streams.match.packed_slices import PackedSlice
from streams.match.row_codes import CodeArrays, Codes, Numbers
from streams.match.row_index import Hits
from streams.match.shortlist import thinning

_DIMENSIONS = 192
"""Dimensions of the codes: with 128, unrelated pictures resemble each other enough to be read by the thousand."""
_FEWEST = 8
"""Rows of one segment's sound, up to which each has a code."""
_FEWEST_TRAINED = 256
_UNIT_S, _MOST_UNITS = 0.002, 0xFFFF
"""Unit of the times that are kept, from the first of their segment; two minutes at most."""


class CodedSlice(NamedTuple):
    """Content of a coded slice; the rows are in the order of the engine's lists.

    Attributes
    ----------
    first
        int64 (1,): number of the first slice that became part of this one, which has the number of the last.
    projection, quantiser, scale
        See `CodeArrays`.
    sizes
        int64 (l,): rows of each list.
    codes
        uint8: the blocks of all lists, one after the other.
    record
        int32 (n,): of each row its record.
    times
        uint16 (n,): of each row its time after the first of its record.
    hits
        int64 (m, 2): partition and offset of each record.
    n_times
        int32 (m,): distinct times of each record.
    digests
        uint64 (k,): the last eight bytes of each digest.
    owner
        int32 (k,): of each digest its record.
    """

    first: Numbers
    projection: npt.NDArray[np.float16]
    quantiser: npt.NDArray[np.uint8]
    scale: Rows
    sizes: Numbers
    codes: npt.NDArray[np.uint8]
    record: npt.NDArray[np.int32]
    times: npt.NDArray[np.uint16]
    hits: Numbers
    n_times: npt.NDArray[np.int32]
    digests: npt.NDArray[np.uint64]
    owner: npt.NDArray[np.int32]

    @classmethod
    def of(cls, slices: Sequence[PackedSlice], first: int, *, thinned: bool) -> Self:
        """Return the coded rows of several slices; takes seconds.

        Parameters
        ----------
        first
            Number of the first of them.
        thinned
            Whether every second row of a segment is enough, as of sound, whose windows overlap.
        """
        exact = PackedSlice.joined(slices)
        kept = _kept(exact, thinned=thinned)
        rows = exact.rows[kept].astype(np.float32) * exact.scales[kept, None]
        sample = np.random.default_rng(0).permutation(max(len(rows), _FEWEST_TRAINED)) % len(rows)
        arrays = Codes.train(rows[sample], len(rows), _DIMENSIONS).arrays()
        sizes, codes, order = _coded(Codes.of(arrays), rows)
        record, times = exact.record[kept][order], _units(exact)[kept][order]
        n_times = np.zeros(len(exact.hits), np.int32)
        n_times[exact.record] = exact.n_times
        digests = _ends(bytes.fromhex(digest.decode()) for digest in exact.digests.tolist())
        return cls(
            np.array([first], np.int64), *arrays, sizes, codes, record, times, exact.hits, n_times, digests, exact.owner
        )

    @property
    def n_rows(self) -> int:
        """Number of coded rows."""
        return len(self.record)

    def pairs(self, piece: Rows, times_s: npt.NDArray[np.float64], floor: float, share: float) -> NearPairs:
        """Return the pairs of a row of a piece and one of a record from an estimated cosine on.

        Parameters
        ----------
        piece
            Rows of a reference, shape (n, d).
        times_s
            Their times.
        floor
            The estimated cosine.
        share
            Of the codes to compare with each row, the nearest first.
        """
        step = thinning(len(piece))
        codes = Codes.of(CodeArrays(self.projection, self.quantiser, self.scale))
        index = self._index(codes)
        index.nprobe = int(np.ceil(share * codes.n_lists))
        found = index.range_search(codes.projected(piece[::step]), codes.product(floor))
        return NearPairs(self._hits(codes, *found), times_s[::step], self.n_times)

    def named(self, digests: Iterable[bytes]) -> npt.NDArray[np.intp]:
        """Return the records with a digest that ends as one of these."""
        return np.unique(self.owner[np.isin(self.digests, _ends(digests))]).astype(np.intp)

    def _hits(self, codes: Codes, counts: Numbers, products: Rows, rows: Numbers) -> Hits:
        ends = counts.astype(np.int64)
        row = np.repeat(np.arange(len(ends) - 1), ends[1:] - ends[:-1])
        time_s = self.times[rows].astype(np.float64) * _UNIT_S
        return Hits(row, self.record[rows].astype(np.int64), codes.cosine(products), time_s, time_s)

    def _index(self, codes: Codes) -> Any:  # noqa: ANN401 - the package has no types
        faiss.omp_set_num_threads(1)  # of this thread: slices are searched in many threads already
        index = codes.empty()
        lists = faiss.downcast_InvertedLists(index.invlists)
        ids, row, at = np.arange(self.n_rows), 0, 0
        for number, size in enumerate(self.sizes.tolist()):
            if size:
                lists.add_entries(number, size, faiss.swig_ptr(ids[row:]), faiss.swig_ptr(self.codes[at:]))
            row, at = row + size, at + _n_bytes(lists, size)
        index.ntotal = row
        return index


def _kept(exact: PackedSlice, *, thinned: bool) -> npt.NDArray[np.intp]:
    """Return the rows that get a code; rows without a vector have digests only."""
    is_kept = exact.scales > 0
    if thinned:
        rank, count = _places(exact.record, exact.times_s)
        is_kept &= (rank % 2 == 0) | (count <= _FEWEST)
    found = np.flatnonzero(is_kept)
    return found if len(found) else np.zeros(1, np.intp)


def _places(record: npt.NDArray[np.int32], times_s: npt.NDArray[np.float64]) -> tuple[Numbers, Numbers]:
    """Return the place in time of each row among its record's, and the number of these."""
    order = np.lexsort((times_s, record))
    _, first, count = np.unique(record[order], return_index=True, return_counts=True)
    place, total = np.empty(len(record), np.int64), np.empty(len(record), np.int64)
    place[order] = np.arange(len(record)) - np.repeat(first, count)
    total[order] = np.repeat(count, count)
    return place, total


def _coded(codes: Codes, rows: Rows) -> tuple[Numbers, npt.NDArray[np.uint8], Numbers]:
    """Return the rows of each list, the lists' blocks, and the rows in the order of the lists."""
    index = codes.empty()
    index.add_with_ids(codes.projected(rows), np.arange(len(rows)))
    lists = faiss.downcast_InvertedLists(index.invlists)
    sizes = [lists.list_size(number) for number in range(codes.n_lists)]
    filled = [number for number, size in enumerate(sizes) if size]
    blocks = [faiss.rev_swig_ptr(lists.get_codes(one), _n_bytes(lists, sizes[one])).copy() for one in filled]
    order = [faiss.rev_swig_ptr(lists.get_ids(one), sizes[one]).copy() for one in filled]
    return np.array(sizes, np.int64), np.concatenate(blocks), np.concatenate(order)


def _n_bytes(lists: Any, size: int) -> int:  # noqa: ANN401 - the package has no types
    return int(-(-size // lists.n_per_block) * lists.block_size)


def _units(exact: PackedSlice) -> npt.NDArray[np.uint16]:
    first_s = np.full(len(exact.hits), np.inf)
    np.minimum.at(first_s, exact.record, exact.times_s)
    units = np.rint((exact.times_s - first_s[exact.record]) / _UNIT_S)
    kept: npt.NDArray[np.uint16] = np.clip(units, 0, _MOST_UNITS).astype(np.uint16)
    return kept


def _ends(digests: Iterable[bytes]) -> npt.NDArray[np.uint64]:
    return np.array([int.from_bytes(digest[-8:], "big") for digest in digests], np.uint64)
