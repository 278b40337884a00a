"""Archive of the vectors of past posts, searched for each new case.

The archive holds vectors and the position of their descriptors; the descriptors themselves stay in their topic and are
read from there.
"""

from collections.abc import Callable, Collection
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from schemas.messages import Descriptors, Reference
from streams.match.row_index import Hits


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


class NearPairs(NamedTuple):
    """Pairs of a row of a piece and one of an archived segment with a cosine that is estimated from a code."""

    hits: Hits
    """Numbers are those of the segments, times those of their rows."""
    times_s: npt.NDArray[np.float64]
    """Of each row of the piece."""
    n_times: npt.NDArray[np.int32]
    """Of each segment its distinct times."""


class CandidateRule(Protocol):
    """Rule by which archived segments are compared with a piece."""

    @property
    def floor(self) -> float:
        """Cosine from which a row counts."""

    @property
    def estimated_floor(self) -> float:
        """Estimated cosine from which a row may count."""

    def admits(self, near: NearTimes) -> bool:
        """Return whether a segment with such rows, one at least, is a candidate."""

    def likely(self, near: NearPairs) -> npt.NDArray[np.int64]:
        """Return the numbers of the segments that are candidates by such pairs."""


class Archive(Protocol):
    """Archive as match needs it; every method may block and may be called from any thread."""

    def add(self, hit: Hit, descriptors: Descriptors) -> None:
        """Store the vectors of one segment, searchable on return; adding the same again has no effect on a search."""

    def sync(self) -> None:
        """Return when everything added before is on the disk."""

    def expire(self, first: Callable[[int], int]) -> int:
        """Delete what its topic no longer retains, and return the number of slices deleted.

        Deletes at most a few slices at a time: 0 means that nothing is left, or that slices are compacted now.

        Parameters
        ----------
        first
            Returns the first retained offset of a partition; may block.
        """

    def compact(self) -> int:
        """Make codes of the rows of full slices, and return the number of slices that became one; takes seconds.

        Adds and searches go on meanwhile. 0 means that nothing is left to compact, or that another thread does.
        """

    def search(self, reference: Reference, partitions: Collection[int], rule: CandidateRule) -> set[Hit]:
        """Return the segments with rows that the rule admits, or with a digest in common with the piece."""

    def close(self) -> None:
        """Release the files."""
