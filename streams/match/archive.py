"""Archive of the vectors of past posts, searched for each new case.

The archive holds vectors and the position of their descriptors; the descriptors themselves stay in their topic and are
read from there.
"""

from collections.abc import Collection
from typing import NamedTuple, Protocol

from schemas.messages import Descriptors, Reference


class Hit(NamedTuple):
    """Position of a record in the descriptors topic."""

    partition: int
    offset: int


class Archive(Protocol):
    """Archive as match needs it; every method may block and may be called from any thread."""

    def add(self, hit: Hit, descriptors: Descriptors) -> None:
        """Store the vectors of one segment, searchable on return; adding the same again changes nothing."""

    def end(self, partition: int) -> int:
        """Return the offset below which the partition is archived in full, 0 before the first `mark_end`."""

    def mark_end(self, partition: int, offset: int) -> None:
        """Store the offset below which the partition is archived in full; a lower one than before is ignored."""

    def search(self, reference: Reference, partitions: Collection[int], floor: float) -> set[Hit]:
        """Return the segments with a cosine of at least `floor` to the piece, or a digest in common."""

    def searched(self, partition: int) -> set[str]:
        """Return the tokens of the reference pieces already searched in this partition."""

    def mark_searched(self, partition: int, token: str) -> None:
        """Store that this piece was searched and its scores were delivered."""

    def remove_searched(self, partition: int, tokens: Collection[str]) -> None:
        """Remove the tokens of pieces that no longer exist."""

    def close(self) -> None:
        """Release the files."""
