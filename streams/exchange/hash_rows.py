"""Hashes of many lists in one table that grows at its end, so that a change costs what it changes."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

import faiss
import numpy as np
import numpy.typing as npt

from models.pdq.hash import BYTES, Bits

type Numbers = npt.NDArray[np.int64]

NOBODY = -1
"""Owner of a row that was removed."""
_search: Any = getattr(faiss, "hamming_range_search")  # noqa: B009 - its types lack it
FEWEST = 1_024
"""Rows for which memory is taken at once."""


class Near(NamedTuple):
    """Pairs of a query and a row, each of shape (n,)."""

    query: Numbers
    row: Numbers
    bits: Numbers
    """Differing."""


class HashRows:
    """Table of hashes: uint8 (n, 32), the number of their list, and the time from which it has them.

    One thread changes it while any others search: a row is written once, before it is counted, and never moved. A
    removed one loses its owner, then its bytes. 44 bytes a row; the memory is doubled when it is full.
    """

    def __init__(self, capacity: int = FEWEST) -> None:
        self._values: Bits = np.zeros((capacity, BYTES), np.uint8)
        self._owner = np.full(capacity, NOBODY, np.int32)
        self._since = np.zeros(capacity, np.int64)
        self._n = self._n_removed = 0

    @classmethod
    def of(cls, values: Bits) -> Self:
        """Return a table of hashes, shape (n, 32), of a list of the number 0."""
        made = cls(len(values))
        made.add(values, 0, 0)
        return made

    def __len__(self) -> int:
        """Return the number of rows, without the removed ones."""
        return self._n - self._n_removed

    @property
    def is_wasteful(self) -> bool:
        """Whether more rows were removed than are left."""
        return self._n_removed > max(len(self), FEWEST)

    def add(self, values: Bits, owner: int, since: npt.ArrayLike) -> Numbers:
        """Add hashes, shape (n, 32), with their times, shape (n,) or one, and return their rows."""
        rows = np.arange(self._n, self._n + len(values))
        if self._n + len(values) > len(self._values):
            self._grow(2 * (self._n + len(values)))
        self._values[rows], self._owner[rows], self._since[rows] = values, owner, since
        self._n += len(values)
        return rows

    def replaced(self, rows: Numbers, wanted: Mapping[bytes, int], owner: int) -> Numbers:
        """Remove those of these rows that are not wanted, add what they lack, and return the rows there are now.

        Parameters
        ----------
        wanted
            Time of each hash.
        """
        before = {(self.value(row), self.since(row)): row for row in rows.tolist()}
        gone = [row for one, row in before.items() if one not in wanted.items()]
        more = [one for one in wanted.items() if one not in before]
        self.remove(np.array(gone, np.int64))
        values = np.frombuffer(b"".join(value for value, _ in more), np.uint8).reshape(-1, BYTES)
        return np.concatenate([np.setdiff1d(rows, gone), self.add(values, owner, [since for _, since in more])])

    def remove(self, rows: Numbers) -> None:
        """Remove rows; each once."""
        self._owner[rows] = NOBODY
        self._values[rows] = 0
        self._n_removed += len(rows)

    def value(self, row: int) -> bytes:
        """Return a hash, 32 bytes."""
        return bytes(self._values[row])

    def owner(self, row: int) -> int:
        """Return the number of a row's list, `NOBODY` if it was removed: asked after its value, that is whole."""
        return int(self._owner[row])

    def since(self, row: int) -> int:
        """Return the time of a row, microseconds."""
        return int(self._since[row])

    def newest(self, owner: int) -> int:
        """Return the newest time of a list's rows, 0 without any."""
        n_rows = self._n  # first: the arrays only become longer
        return int(self._since[:n_rows][self._owner[:n_rows] == owner].max(initial=0))

    def values(self) -> Bits:
        """Return all hashes, shape (n, 32); of removed ones zeros."""
        return self._values[: self._n]

    def added(self, owner: int, after: int, until: int) -> Bits:
        """Return the hashes of a list with a time after one and until another, shape (n, 32)."""
        n_rows = self._n  # likewise
        since = self._since[:n_rows]
        is_new = (since > after) & (since <= until) & (self._owner[:n_rows] == owner)
        values: Bits = self._values[:n_rows][is_new]
        return values

    def near(self, hashes: Bits, within: int) -> Near:
        """Return the rows that differ from a hash, shape (m, 32), in at most so many bits, also removed ones.

        Every row is compared: 100,000 in 0.1 ms.
        """
        faiss.omp_set_num_threads(1)  # of this thread: searches run in many threads already
        queries, n_rows = np.ascontiguousarray(hashes), self._n
        found, values = faiss.RangeSearchResult(len(queries)), self._values
        sizes = len(queries), n_rows, within + 1, BYTES
        _search(faiss.swig_ptr(queries), faiss.swig_ptr(values), *sizes, found)
        limits = faiss.rev_swig_ptr(found.lims, len(queries) + 1).astype(np.int64)
        n_found = int(limits[-1])
        rows, bits = (faiss.rev_swig_ptr(each, n_found).astype(np.int64) for each in (found.labels, found.distances))
        return Near(np.repeat(np.arange(len(queries)), np.diff(limits)), rows, bits)

    def compacted(self) -> tuple[Self, Numbers]:
        """Return a table without the removed rows, and the new row of each row of this one."""
        kept = np.flatnonzero(self._owner[: self._n] != NOBODY)
        made = type(self)(max(FEWEST, 2 * len(kept)))
        made.add(self._values[kept], 0, self._since[kept])
        made._owner[: len(kept)] = self._owner[kept]  # noqa: SLF001 - its own
        moved = np.full(self._n, NOBODY, np.int64)
        moved[kept] = np.arange(len(kept))
        return made, moved

    def _grow(self, capacity: int) -> None:
        more = capacity - len(self._values)
        self._values = np.concatenate([self._values, np.zeros((more, BYTES), np.uint8)])
        self._owner = np.concatenate([self._owner, np.full(more, NOBODY, np.int32)])
        self._since = np.concatenate([self._since, np.zeros(more, np.int64)])
