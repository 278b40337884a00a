"""Hashes of many lists in one table that grows at its end, so that a change costs what it changes."""

from collections.abc import Collection
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
        self._n = self._n_removed = 0

    def __len__(self) -> int:
        """Return the number of rows, without the removed ones."""
        return self._n - self._n_removed

    @property
    def is_wasteful(self) -> bool:
        """Whether more rows were removed than are left."""
        return self._n_removed > max(len(self), FEWEST)

    def add(self, values: Bits, owner: int) -> Numbers:
        """Add hashes, shape (n, 32), and return their rows."""
        rows = np.arange(self._n, self._n + len(values))
        if self._n + len(values) > len(self._values):
            self._grow(2 * (self._n + len(values)))
        self._values[rows], self._owner[rows] = values, owner
        self._n += len(values)
        return rows

    def replaced(self, rows: Numbers, wanted: Collection[bytes], owner: int) -> Numbers:
        """Remove those of these rows that are not wanted, add what they lack, and return the rows there are now."""
        before = {self.value(row): row for row in rows.tolist()}
        gone = [row for value, row in before.items() if value not in wanted]
        more = b"".join(value for value in wanted if value not in before)
        self.remove(np.array(gone, np.int64))
        added = self.add(np.frombuffer(more, np.uint8).reshape(-1, BYTES), owner)
        return np.concatenate([np.setdiff1d(rows, gone), added])

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
        made._values[: len(kept)], made._owner[: len(kept)] = self._values[kept], self._owner[kept]  # noqa: SLF001 - its own
        made._n = len(kept)  # noqa: SLF001 - likewise
        moved = np.full(self._n, NOBODY, np.int64)
        moved[kept] = np.arange(len(kept))
        return made, moved

    def _grow(self, capacity: int) -> None:
        more = capacity - len(self._values)
        self._values = np.concatenate([self._values, np.zeros((more, BYTES), np.uint8)])
        self._owner = np.concatenate([self._owner, np.full(more, NOBODY, np.int32)])
