"""Progress of the search of lists in past posts: which files of past hashes are compared with each list."""

from collections import Counter
from collections.abc import Iterable

from schemas.messages import CaseSearch

type Comparison = tuple[str, int]
"""List and partition of one file."""


class ListProgress:
    """Numbers of files by list and partition; those of a withdrawn list are gone with the next `begin`."""

    def __init__(self) -> None:
        self._all = Counter[Comparison]()
        self._left = Counter[Comparison]()

    def begin(self, of: Iterable[Comparison], left: Iterable[Comparison]) -> None:
        """Count anew: all files that lists are compared with, and those of them that are left."""
        self._all, self._left = Counter(of), Counter(left)

    def done(self, list_id: str, partition: int) -> None:
        """Take out a file that is compared."""
        self._left[list_id, partition] -= 1

    def of_partition(self, partition: int) -> list[CaseSearch]:
        """Return the lists that are compared with files of a partition, by their ids."""
        return [
            CaseSearch(case_id=list_id, left=self._left[list_id, where], of=n_files)
            for (list_id, where), n_files in sorted(self._all.items())
            if where == partition
        ]
