"""Archive of the vectors and the hashes of past posts."""

from collections.abc import Callable, Collection

from schemas.messages import Descriptors, Reference
from streams.match.archive import Archive, CandidateRule, Hit
from streams.match.seen_hashes import SeenHashes


class BothArchives(Archive):
    """Archive of vectors that keeps the hashes too, so that both have the same segments."""

    def __init__(self, vectors: Archive, hashes: SeenHashes) -> None:
        self._vectors, self._hashes = vectors, hashes

    def add(self, hit: Hit, descriptors: Descriptors) -> None:
        """Store the vectors and the hashes of one segment."""
        self._hashes.add(hit, descriptors)
        self._vectors.add(hit, descriptors)

    def sync(self) -> None:
        """Return when everything added before is on the disk."""
        self._hashes.sync()
        self._vectors.sync()

    def expire(self, first: Callable[[int], int]) -> int:
        """Delete what its topic no longer retains, and return the number of slices and files deleted."""
        return self._hashes.expire(first) + self._vectors.expire(first)

    def compact(self) -> int:
        """Make codes of the rows of full slices, and return the number of slices that became one."""
        return self._vectors.compact()

    def search(self, reference: Reference, partitions: Collection[int], rule: CandidateRule) -> set[Hit]:
        """Return the segments that may match this piece."""
        return self._vectors.search(reference, partitions, rule)

    def close(self) -> None:
        """Release the files."""
        self._hashes.close()
        self._vectors.close()
