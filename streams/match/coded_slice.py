"""Slices of the archive as codes: 48 bytes a row of pictures, 32 of sound, in lists of rows that resemble each other.

A search of codes estimates cosines. It finds the segments worth a comparison with the exact rows, which the topic of
descriptors has. It compares each row of a piece with those of the nearest lists. So the fewer and larger the slices,
the fewer of the rows are compared, and slices of the same codes are merged.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Self

import faiss
import numpy as np
import numpy.typing as npt

from streams.match.archive import NearPairs
from streams.match.normalisation import Rows
from streams.match.packed_slices import PackedSlice
from streams.match.product_codes import Lists, Numbers, ProductCodes, centroids_of, of_length_one
from streams.match.row_index import Hits

_FEWEST = 8
"""Rows of one segment's sound, up to which each has a code."""
_LIST_ROWS, _SAMPLES = 256, 32
"""Least mean rows of a list, and rows that place one list's centroid."""
_UNIT_S, _MOST_UNITS = 0.002, 0xFFFF
"""Unit of the times that are kept, from the first of their segment; two minutes at most."""


class CodedSlice(NamedTuple):
    """Content of a coded slice; the rows are in the order of the lists.

    Attributes
    ----------
    first
        int64 (1,): number of the first slice that became part of this one, which has the number of the last.
    codes
        int64 (2,): week and number of the slice that its codes were trained on.
    centroids
        float16 (l, w): of the lists.
    sizes
        int64 (l,): rows of each list.
    blocks
        uint8: the codes of all lists, one list after the other, as the engine compares them.
    record
        int32 (n,): of each row its record.
    times
        uint16 (n,): of each row its time after the first of its record.
    hits
        int64 (m, 2): partition and offset of each record.
    n_times
        int32 (m,): distinct times of each record.
    digests
        uint64 (k,): the last eight bytes of each digest, ascending.
    owner
        int32 (k,): of each digest its record.
    """

    first: Numbers
    codes: Numbers
    centroids: npt.NDArray[np.float16]
    sizes: Numbers
    blocks: npt.NDArray[np.uint8]
    record: npt.NDArray[np.int32]
    times: npt.NDArray[np.uint16]
    hits: Numbers
    n_times: npt.NDArray[np.int32]
    digests: npt.NDArray[np.uint64]
    owner: npt.NDArray[np.int32]

    @classmethod
    def of(
        cls, exact: PackedSlice, codes: ProductCodes, trained_on: tuple[int, int], first: int, *, thinned: bool
    ) -> Self:
        """Return the coded rows of a slice, or of several as one; takes a second.

        Parameters
        ----------
        trained_on
            Week and number of the slice that the codes were trained on.
        first
            Number of the first slice.
        thinned
            Whether every second row of a segment is enough, as of sound, whose windows overlap.
        """
        kept = kept_rows(exact, thinned=thinned)
        rows = codes.projected(exact.vectors(kept))
        lists = codes.lists(_centroids(rows, len(rows)))
        lists.add_with_ids(rows, np.arange(len(rows)))
        n_times = np.zeros(len(exact.hits), np.int32)
        n_times[exact.record] = exact.n_times
        digests = _ends(bytes.fromhex(digest.decode()) for digest in exact.digests.tolist())
        return cls._of_lists(
            lists,
            (exact.record[kept], _units(exact)[kept]),
            (exact.hits, n_times, digests, exact.owner),
            (np.array([first], np.int64), np.array(trained_on, np.int64)),
        )

    @classmethod
    def merged(cls, parts: Sequence[Self], codes: ProductCodes) -> Self:
        """Return several slices of the same codes as one, in their order; takes seconds.

        The rows of one part at a time are decoded, which bounds the memory.
        """
        n_rows = sum(part.n_rows for part in parts)
        lists = codes.lists(_centroids(_sample(parts, codes, n_rows), n_rows))
        for part in parts:
            lists.add_with_ids(of_length_one(part.decoded(codes)), lists.ntotal + np.arange(part.n_rows))
        before = np.cumsum([0, *(len(part.hits) for part in parts[:-1])]).astype(np.int32)
        numbered = list(zip(parts, before, strict=True))
        return cls._of_lists(
            lists,
            _joined([(part.record + at, part.times) for part, at in numbered]),
            _joined([(part.hits, part.n_times, part.digests, part.owner + at) for part, at in numbered]),
            (parts[0].first, parts[0].codes),
        )

    @classmethod
    def _of_lists(
        cls, lists: Lists, of_rows: Sequence[Any], of_records: Sequence[Any], of_slice: tuple[Numbers, Numbers]
    ) -> Self:
        sizes, blocks, order = _exported(lists)
        centroids = lists.quantizer.reconstruct_n(0, lists.nlist).astype(np.float16)
        record, times = (column[order] for column in of_rows)
        hits, n_times, digests, owner = of_records
        by_digest = np.argsort(digests, kind="stable")
        first, codes = of_slice
        return cls(
            first, codes, centroids, sizes, blocks, record, times, hits, n_times, digests[by_digest], owner[by_digest]
        )

    @property
    def n_rows(self) -> int:
        """Number of coded rows."""
        return len(self.record)

    @property
    def trained_on(self) -> tuple[int, int]:
        """Week and number of the slice that the codes were trained on."""
        week, number = self.codes.tolist()
        return week, number

    def pairs(
        self, codes: ProductCodes, projected: Rows, times_s: npt.NDArray[np.float64], floor: float, share: float
    ) -> NearPairs:
        """Return the pairs of a row of a piece and one of a record from an estimated cosine on.

        Parameters
        ----------
        codes
            Of this slice.
        projected
            Rows of a reference in their dimensions, shape (n, w).
        times_s
            Their times.
        floor
            The estimated cosine.
        share
            Of the lists to compare with each row, the nearest first.
        """
        lists = codes.lists(self.centroids.astype(np.float32))
        lists.nprobe = int(np.ceil(share * lists.nlist))
        self._fill(lists, np.unique(lists.quantizer.search(projected, lists.nprobe)[1]))
        ends, products, rows = lists.range_search(projected, codes.product(floor))
        row = np.repeat(np.arange(len(projected)), np.diff(ends.astype(np.int64)))
        time_s = self.times[rows].astype(np.float64) * _UNIT_S
        hits = Hits(row, self.record[rows].astype(np.int64), codes.cosine(products), time_s, time_s)
        return NearPairs(hits, times_s, self.n_times)

    def named(self, digests: Iterable[bytes]) -> npt.NDArray[np.intp]:
        """Return the records with a digest that ends as one of these."""
        ends = np.unique(_ends(digests))
        starts, stops = (np.searchsorted(self.digests, ends, side) for side in ("left", "right"))
        owners = [self.owner[start:stop] for start, stop in zip(starts, stops, strict=True)]
        return np.unique(np.concatenate([np.zeros(0, np.int32), *owners])).astype(np.intp)

    def decoded(self, codes: ProductCodes) -> Rows:
        """Return what the codes of the rows stand for, shape (n, w)."""
        lists = codes.lists(self.centroids.astype(np.float32))
        self._fill(lists, np.arange(lists.nlist))
        rows: Rows = lists.reconstruct_n(0, self.n_rows)
        return rows

    def _fill(self, lists: Lists, wanted: Numbers) -> None:
        """Add the rows of these lists; what is not wanted is not read."""
        inside = faiss.downcast_InvertedLists(lists.invlists)
        n_bytes = _n_bytes(inside, self.sizes)
        first_row, first_byte = np.cumsum(self.sizes) - self.sizes, np.cumsum(n_bytes) - n_bytes
        ids, blocks = np.arange(self.n_rows), np.ascontiguousarray(self.blocks)
        for number in wanted[self.sizes[wanted] > 0].tolist():
            given = [faiss.swig_ptr(ids[first_row[number] :]), faiss.swig_ptr(blocks[first_byte[number] :])]
            inside.add_entries(number, int(self.sizes[number]), *given)
        lists.ntotal = self.n_rows


def kept_rows(exact: PackedSlice, *, thinned: bool) -> npt.NDArray[np.intp]:
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


def _n_lists(n_rows: int) -> int:
    """Return the number of lists: about the root of the number of rows, and 1 of few."""
    return int(max(1, min(2 ** round(np.log2(max(1, n_rows)) / 2), n_rows // _LIST_ROWS)))


def _sample(parts: Sequence[CodedSlice], codes: ProductCodes, n_rows: int) -> Rows:
    """Return enough of the rows, decoded and drawn at random, to place the lists of all."""
    share = min(1.0, _SAMPLES * _n_lists(n_rows) / n_rows)
    random = np.random.default_rng(0)
    return np.concatenate([part.decoded(codes)[random.random(part.n_rows) <= share] for part in parts])


def _joined(parts: Sequence[tuple[npt.NDArray[Any], ...]]) -> list[npt.NDArray[Any]]:
    """Return the columns of all parts."""
    return [np.concatenate(column) for column in zip(*parts, strict=True)]


def _centroids(sample: Rows, n_rows: int) -> Rows:
    """Return centroids of the lists of so many rows, shape (n lists, w), rounded as a file has them."""
    n_lists = min(_n_lists(n_rows), len(sample))
    some = np.random.default_rng(0).permutation(len(sample))[: _SAMPLES * n_lists]
    return centroids_of(of_length_one(sample[some]), n_lists).astype(np.float16).astype(np.float32)


def _exported(lists: Lists) -> tuple[Numbers, npt.NDArray[np.uint8], Numbers]:
    """Return the number of rows of each list, the lists' blocks, and the rows in the order of the lists."""
    inside = faiss.downcast_InvertedLists(lists.invlists)
    sizes = np.array([inside.list_size(number) for number in range(lists.nlist)], np.int64)
    filled = [(number, size) for number, size in enumerate(sizes.tolist()) if size]
    blocks = [faiss.rev_swig_ptr(inside.get_codes(one), int(_n_bytes(inside, size))).copy() for one, size in filled]
    order = [faiss.rev_swig_ptr(inside.get_ids(one), size).copy() for one, size in filled]
    return sizes, np.concatenate(blocks), np.concatenate(order)


def _n_bytes(lists: Any, size: Any) -> Any:  # noqa: ANN401 - the package has no types
    """Return the bytes of lists of so many rows."""
    return -(-size // lists.n_per_block) * lists.block_size


def _units(exact: PackedSlice) -> npt.NDArray[np.uint16]:
    first_s = np.full(len(exact.hits), np.inf)
    np.minimum.at(first_s, exact.record, exact.times_s)
    units = np.rint((exact.times_s - first_s[exact.record]) / _UNIT_S)
    kept: npt.NDArray[np.uint16] = np.clip(units, 0, _MOST_UNITS).astype(np.uint16)
    return kept


def _ends(digests: Iterable[bytes]) -> npt.NDArray[np.uint64]:
    return np.array([int.from_bytes(digest[-8:], "big") for digest in digests], np.uint64)
