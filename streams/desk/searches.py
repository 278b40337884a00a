"""Progress of the archive searches: one record a partition, whichever worker wrote it."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from schemas.messages import Case, Search
from streams.cases.entries import references_of
from streams.kafka.messages import each_message
from streams.settings import Settings


class SearchState(NamedTuple):
    """How far the search of a case in earlier posts is."""

    share: float
    """Of its references' rows over all partitions, 0 to 1."""
    most_s: float | None
    """Longest time that it still takes at the present pace, as if every other waiting case came first; None unknown."""
    at: datetime
    """Time of the oldest record that counts."""

    @property
    def is_done(self) -> bool:
        """Whether every partition is searched."""
        return self.share >= 1


class ListState(NamedTuple):
    """How many files of past hashes are compared with a list."""

    done: int
    all: int


class Searches:
    """The last record of each partition; as many as the topic of descriptors has partitions, 500 cases in each."""

    def __init__(self) -> None:
        self._last: dict[int, Search] = {}

    def put(self, search: Search) -> None:
        """Apply a record."""
        self._last[search.partition] = search

    def of_case(self, case_id: str, n_rows: int, newest: int) -> SearchState | None:
        """Return how far a case is; None where no worker has written anything, or nothing of it is searched.

        Parameters
        ----------
        n_rows
            Rows of vectors and digests of its references.
        newest
            Offset of its newest reference. Partitions that have not counted it yet have all of the case before them.
        """
        if not n_rows or not self._last:
            return None
        left = {partition: _left(one, case_id, n_rows, newest) for partition, one in self._last.items()}
        counting = [one for partition, one in self._last.items() if left[partition]] or list(self._last.values())
        share = 1 - sum(left.values()) / (n_rows * len(left))
        return SearchState(share, _most_s(counting), min(one.at for one in counting))

    def of_list(self, list_id: str) -> ListState | None:
        """Return how far a list is compared with past posts; None where no worker has a file of past hashes for it."""
        found = [one for record in self._last.values() for one in record.cases if one.of and one.case_id == list_id]
        n_files = sum(one.of for one in found)
        return ListState(n_files - sum(one.left for one in found), n_files) if found else None


async def read_searches(settings: Settings) -> Searches:
    """Return the progress that the match workers have written, for a command that ends.

    Raises
    ------
    UsageError
        The broker does not answer, or has no such topic.
    """
    searches = Searches()
    await each_message(settings, "searches", Search, searches.put)
    return searches


def n_rows(entries: Iterable[Case]) -> int:
    """Return the rows of vectors and digests of a case's references."""
    return sum(piece.vectors.rows + len(piece.digests) for piece in references_of(entries))


def _left(one: Search, case_id: str, n_rows: int, newest: int) -> int:
    if one.reach < newest:
        return n_rows
    of_case = next((listed.left for listed in one.cases if listed.case_id == case_id), None)
    if of_case is None:
        return n_rows if one.n_cases > len(one.cases) else 0
    return min(of_case, n_rows)


def _most_s(counting: list[Search]) -> float | None:
    if any(not one.rate for one in counting):
        return None
    return max(one.left / one.rate for one in counting)
