"""Full slices of the archive with a byte a number, a fifth of what the engine keeps, until they are coded."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from streams.match.archive import CandidateRule
from streams.match.near_rows import NearRows, times_of
from streams.match.normalisation import Rows
from streams.match.slices import Slice

_MOST = 127
_MARGIN = 0.005
"""Added to a cosine: ten times the standard error of a cosine with packed rows, so that none is lost."""
_HEX = "S32"
"""A digest as the engine keeps it, in hexadecimal digits."""
_MAX_FILLING = 16


class PackedSlice(NamedTuple):
    """Content of a full slice.

    Attributes
    ----------
    rows
        int8 (n, d): vectors, each divided by its largest number.
    scales
        float32 (n,): what gives a row its length again.
    record
        int32 (n,): of each row its record.
    hits
        int64 (m, 2): partition and offset of each record.
    digests
        Digests, shape (k,).
    owner
        int32 (k,): of each digest its record.
    times_s
        float64 (n,): of each row its time.
    n_times
        int32 (n,): of each row the distinct times of its record.
    """

    rows: npt.NDArray[np.int8]
    scales: Rows
    record: npt.NDArray[np.int32]
    hits: npt.NDArray[np.int64]
    digests: npt.NDArray[np.bytes_]
    owner: npt.NDArray[np.int32]
    times_s: npt.NDArray[np.float64]
    n_times: npt.NDArray[np.int32]

    @classmethod
    def of(cls, kept: Sequence[Mapping[str, Any]]) -> Self:
        """Return the content of the engine's rows, with `key`, `part`, `offset`, `vector` and `digests`."""
        positions = np.array([[row["part"], row["offset"]] for row in kept], np.int64)
        made = cls.of_rows(
            np.array([row["vector"] for row in kept], np.float32), positions, *times_of([row["key"] for row in kept])
        )
        digests = [(digest, at) for at, row in zip(made.record, kept, strict=True) for digest in row["digests"]]
        names = np.array([digest.encode() for digest, _ in digests], _HEX)
        return made._replace(digests=names, owner=np.array([at for _, at in digests], np.int32))

    @classmethod
    def of_rows(
        cls,
        vectors: Rows,
        positions: npt.NDArray[np.int64],
        times_s: npt.NDArray[np.float64],
        n_times: npt.NDArray[np.int32],
    ) -> Self:
        """Return the content of rows (n, d), each with partition and offset (n, 2), without digests."""
        scales = (np.abs(vectors).max(axis=1) / _MOST).astype(np.float32)
        rows = np.rint(vectors / np.maximum(scales, np.float32(1e-12))[:, None]).astype(np.int8)
        hits, record = np.unique(positions, axis=0, return_inverse=True)
        nothing = np.zeros(0, _HEX), np.zeros(0, np.int32)
        return cls(rows, scales, record.astype(np.int32), hits, *nothing, times_s, n_times)

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Return the content of several parts as one."""
        before = np.cumsum([0, *(len(part.hits) for part in parts[:-1])]).astype(np.int32)
        shifted = [
            part._replace(record=part.record + at, owner=part.owner + at)
            for part, at in zip(parts, before, strict=True)
        ]
        return cls(*(np.concatenate(column) for column in zip(*shifted, strict=True)))

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.rows)

    def vectors(self, rows: npt.NDArray[np.intp]) -> Rows:
        """Return some of the vectors, nearly as they were added, shape (n, d)."""
        return self.rows[rows].astype(np.float32) * self.scales[rows, None]

    def near(self, vectors: Rows, rule: CandidateRule) -> npt.NDArray[np.intp]:
        """Return the records that a rule admits by their cosines to these vectors, shape (n, d)."""
        if not len(vectors):
            return np.zeros(0, np.intp)
        cosines = (self.rows.astype(np.float32) @ vectors.T).max(axis=1) * self.scales
        rows = np.flatnonzero(cosines + _MARGIN >= rule.floor)
        near = NearRows(self.record[rows], cosines[rows] + np.float32(_MARGIN), self.times_s[rows], self.n_times[rows])
        return near.admitted(rule)

    def named(self, digests: Iterable[bytes]) -> npt.NDArray[np.intp]:
        """Return the records with one of these digests."""
        wanted = np.array([digest.hex().encode() for digest in digests], _HEX)
        return np.unique(self.owner[np.isin(self.digests, wanted)]).astype(np.intp)


class Filling:
    """Packed rows of the slices that this process fills from their first row on, so that they need not be read back.

    About 2 MB each, of as many as `_MAX_FILLING`; of others, as after a restart, the engine is asked.
    """

    def __init__(self) -> None:
        self._parts: OrderedDict[Slice, list[PackedSlice]] = OrderedDict()

    def begin(self, one: Slice) -> None:
        """Keep the rows of a slice that has none yet."""
        self._parts[one] = []
        if len(self._parts) > _MAX_FILLING:
            self._parts.popitem(last=False)

    def add(self, one: Slice, kept: Sequence[Mapping[str, Any]]) -> None:
        """Keep rows that were added to a slice, unless it is not kept."""
        if (parts := self._parts.get(one)) is not None:
            parts.append(PackedSlice.of(kept))

    def take(self, one: Slice) -> PackedSlice | None:
        """Return all rows of a slice and keep them no longer; None if they were not kept."""
        parts = self._parts.pop(one, None)
        return PackedSlice.joined(parts) if parts else None
