"""Index of all cases' term digests: the cases that a text names, without a look at the others."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from streams.match.reference_matcher import ReferenceMatcher

_KEY_BYTES = 8
"""Bytes of a digest in the index, 12 bytes a digest with its owner; the matcher compares whole digests."""


class TermIndex:
    """Sorted digests and their owners; immutable.

    Parameters
    ----------
    matchers
        References; an owner is a number in this sequence.
    """

    def __init__(self, matchers: Sequence[ReferenceMatcher]) -> None:
        keys = _keys(digest for matcher in matchers for digest in matcher.digests)
        owners = np.repeat(np.arange(len(matchers), dtype=np.int32), [len(one.digests) for one in matchers])
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
