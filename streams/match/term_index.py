"""Index of all cases' term digests: the cases that a text names, without a look at the others."""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

_KEY_BYTES = 8
"""Bytes of a digest in the index, 12 bytes a digest with its owner; the matcher compares whole digests."""
_PART = 65_536
"""Digests of a full part: bounds what a change copies."""


class _Part(NamedTuple):
    """Sorted digests of the owners with numbers from `first` to `last`."""

    keys: npt.NDArray[np.uint64]
    owners: npt.NDArray[np.int32]
    first: int
    last: int

    def with_added(self, keys: npt.NDArray[np.uint64], owners: npt.NDArray[np.int32]) -> "_Part":
        all_keys, all_owners = np.concatenate([self.keys, keys]), np.concatenate([self.owners, owners])
        order = np.argsort(all_keys, kind="stable")
        return _Part(all_keys[order], all_owners[order], self.first, int(owners[-1]))

    def without(self, gone: Sequence[int]) -> "_Part":
        own = gone[bisect_left(gone, self.first) : bisect_right(gone, self.last)]
        if not own:
            return self
        kept = ~np.isin(self.owners, own)
        return self._replace(keys=self.keys[kept], owners=self.owners[kept])


class TermIndex:
    """Digests and their numbered owners in parts; immutable: a change copies one part and shares the others."""

    def __init__(self) -> None:
        self._parts: tuple[_Part, ...] = ()

    def with_added(self, added: Iterable[tuple[int, Collection[bytes]]]) -> "TermIndex":
        """Return an index that has these owners' digests too, each with its number, higher than all before."""
        fresh = list(added)
        keys = _keys(digest for _, digests in fresh for digest in digests)
        owners = np.repeat(np.array([number for number, _ in fresh], np.int32), [len(one) for _, one in fresh])
        parts = list(self._parts)
        while len(keys):
            if not parts or len(parts[-1].keys) >= _PART:
                parts.append(_Part(keys[:0], owners[:0], int(owners[0]), -1))
            room = _PART - len(parts[-1].keys)
            parts[-1] = parts[-1].with_added(keys[:room], owners[:room])
            keys, owners = keys[room:], owners[room:]
        return _of(parts)

    def without(self, numbers: Iterable[int]) -> "TermIndex":
        """Return an index without these owners' digests."""
        gone = sorted(numbers)
        return _of(
            one.without(gone[bisect_left(gone, one.first) : bisect_right(gone, one.last)]) for one in self._parts
        )

    def owners(self, digests: Iterable[bytes]) -> set[int]:
        """Return the numbers of the references that have one of a text's digests."""
        wanted = _keys(digests)
        found: set[int] = set()
        for part in self._parts:
            first, last = (np.searchsorted(part.keys, wanted, side) for side in ("left", "right"))
            for at in np.flatnonzero(last > first):
                found.update(part.owners[first[at] : last[at]].tolist())
        return found


def _of(parts: Iterable[_Part]) -> TermIndex:
    made = TermIndex()
    made._parts = tuple(part for part in parts if len(part.keys))  # noqa: SLF001 - its own
    return made


def _keys(digests: Iterable[bytes]) -> npt.NDArray[np.uint64]:
    return np.frombuffer(b"".join(one[:_KEY_BYTES].ljust(_KEY_BYTES, b"\0") for one in digests), np.uint64)
