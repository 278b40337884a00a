"""Archive of the vectors of past posts, searched for each new case.

The archive holds vectors and the position of their descriptors; the descriptors themselves stay in their topic and are
read from there.
"""

from collections.abc import Callable, Collection
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from schemas.messages import Descriptors, Reference


class Hit(NamedTuple):
    """Position of a record in the descriptors topic."""

    partition: int
    offset: int


class NearTimes(NamedTuple):
    """Times of an archived segment at which it resembles a piece of a reference, shape (n,), ascending."""

    times_s: npt.NDArray[np.float64]
    cosine: npt.NDArray[np.float32]
    """Largest at each of them."""
    n_times: int
    """Distinct times of the whole segment."""


class CandidateRule(Protocol):
    """Rule by which archived segments are compared with a piece."""

    @property
    def floor(self) -> float:
        """Cosine from which a row counts."""

    def admits(self, near: NearTimes) -> bool:
        """Return whether a segment with such rows, one at least, is a candidate."""


class Archive(Protocol):
    """Archive as match needs it; every method may block and may be called from any thread."""

    def add(self, hit: Hit, descriptors: Descriptors) -> None:
        """Store the vectors of one segment, searchable on return; adding the same again has no effect on a search."""

    def sync(self) -> None:
        """Return when everything added before is on the disk."""

    def expire(self, first: Callable[[int], int]) -> int:
        """Delete what its topic no longer retains, and return the number of slices deleted.

        Deletes at most a few slices at a time: 0 means that nothing is left to delete.

        Parameters
        ----------
        first
            Returns the first retained offset of a partition; may block.
        """

    def search(self, reference: Reference, partitions: Collection[int], rule: CandidateRule) -> set[Hit]:
        """Return the segments with rows that the rule admits, or with a digest in common with the piece."""

    def close(self) -> None:
        """Release the files."""
