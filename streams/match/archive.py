"""Archive of the vectors of past posts, searched for each new case.

The archive holds vectors and the position of their descriptors; the descriptors themselves stay in their topic and are
read from there.
"""

from collections.abc import Callable, Collection
from typing import NamedTuple, Protocol

from schemas.messages import Descriptors, Reference


class Hit(NamedTuple):
    """Position of a record in the descriptors topic."""

    partition: int
    offset: int


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

    def search(self, reference: Reference, partitions: Collection[int], floor: float) -> set[Hit]:
        """Return the segments with a cosine of at least `floor` to the piece, or a digest in common."""

    def close(self) -> None:
        """Release the files."""
