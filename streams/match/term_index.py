"""Index of all cases' term digests: the cases that a text names, without a look at the others."""

from collections.abc import Collection, Iterable, Sequence

import numpy as np
import numpy.typing as npt

_KEY_BYTES = 8
"""Bytes of a digest in the index, 12 bytes a digest with its owner; the matcher compares whole digests."""


class TermIndex:
    """Sorted digests and their owners; immutable.

    Parameters
    ----------
    digests
        Of each reference; an owner is a number in this sequence.
    """

    def __init__(self, digests: Sequence[Collection[bytes]]) -> None:
        keys = _keys(digest for of_one in digests for digest in of_one)
        owners = np.repeat(np.arange(len(digests), dtype=np.int32), [len(of_one) for of_one in digests])
        order = np.argsort(keys, kind="stable")
        self._keys, self._owners = keys[order], owners[order]

    def owners(self, digests: Iterable[bytes]) -> set[int]:
        """Return the numbers of the references that have one of a text's digests."""
        if not len(self._keys):
            return set()
        wanted = _keys(digests)
        first, last = np.searchsorted(self._keys, wanted, "left"), np.searchsorted(self._keys, wanted, "right")
        hits = np.flatnonzero(last > first)
        return {int(owner) for at in hits for owner in self._owners[first[at] : last[at]]}


def _keys(digests: Iterable[bytes]) -> npt.NDArray[np.uint64]:
    return np.frombuffer(b"".join(one[:_KEY_BYTES].ljust(_KEY_BYTES, b"\0") for one in digests), np.uint64)
