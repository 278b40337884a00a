"""Progress of the archive search, one record a partition: what is left of which case, and how fast it goes."""

import time
from collections import Counter
from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from msgspec.structs import replace

from schemas.messages import CaseSearch, Search
from streams.match.list_progress import ListProgress
from streams.match.search_order import PieceWork

TOPIC = "searches"
MAX_CASES = 500
"""Cases listed in a record; those with the most rows left are only counted beyond it."""
REPORT_S = 5.0
"""Least time between two records of a partition while something is searched."""


class SearchReport:
    """Rows left of each case, by partition; a record is due when they have changed.

    The last record of a partition replaces those of the worker that had it before, and a worker that starts writes one
    for each of its partitions: after a kill the records are those of who searches now. They have the lists, too.
    """

    def __init__(self, lists: ListProgress) -> None:
        self._lists = lists
        self._left: dict[int, Counter[str]] = {}
        self._work: dict[str, PieceWork] = {}
        self._unsearched: dict[str, set[int]] = {}
        self._reach = -1
        self._written: dict[int, Search] = {}
        self._due_s = 0.0
        self._busy_since_s: float | None = None
        self._n_done = 0

    def begin(
        self, partitions: Collection[int], unsearched: Mapping[str, set[int]], work: Mapping[str, PieceWork], reach: int
    ) -> None:
        """Count anew what is left.

        Parameters
        ----------
        partitions
            Those that this worker has.
        unsearched
            Partitions in which each piece is unsearched, by token.
        work
            Case and rows of each such piece.
        reach
            Offset of the newest reference that was looked at.
        """
        self._work, self._reach = dict(work), reach
        self._unsearched = {token: set(pending) for token, pending in unsearched.items()}
        self._left = {partition: Counter() for partition in partitions}
        self._written = {partition: one for partition, one in self._written.items() if partition in self._left}
        for token, pending in self._unsearched.items():
            case_id, rows = work[token].reference[0], work[token].rows
            for partition in pending & self._left.keys():
                self._left[partition][case_id] += rows
        if not unsearched:
            self._busy_since_s = None
        elif self._busy_since_s is None:
            self._busy_since_s, self._n_done = time.monotonic(), 0

    def done(self, token: str) -> None:
        """Take a piece out that has been searched in all its partitions."""
        case_id, rows = self._work[token].reference[0], self._work[token].rows
        self._n_done += rows
        for partition in self._unsearched.pop(token) & self._left.keys():
            self._left[partition][case_id] -= rows
            if self._left[partition][case_id] <= 0:
                del self._left[partition][case_id]

    def due(self, *, is_end: bool) -> list[Search]:
        """Return the records that are to be written now.

        Parameters
        ----------
        is_end
            Whether nothing more is searched for the time being: then changes are written at once.
        """
        is_due = time.monotonic() >= self._due_s
        if not (is_end or is_due):
            return []
        if is_due:
            self._due_s = time.monotonic() + REPORT_S
        return [made for made in map(self._record, self._left) if self._is_news(made, with_lists=is_due)]

    def written(self, search: Search) -> None:
        """Take in that a record was delivered."""
        self._written[search.partition] = search

    def _is_news(self, made: Search, *, with_lists: bool) -> bool:
        """Return whether a record differs from the last; changes of lists, of which there are many, wait."""
        if (before := self._written.get(made.partition)) is None:
            return True
        made = replace(made, at=before.at, rate=before.rate)
        return made != before if with_lists else _without_lists(made) != _without_lists(before)

    def _record(self, partition: int) -> Search:
        left = self._left[partition]
        first = sorted(left.items(), key=lambda item: item[1])[:MAX_CASES]
        lists = self._lists.of_partition(partition)
        return Search(
            partition=partition,
            at=datetime.now(UTC),
            reach=self._reach,
            left=left.total(),
            rate=self._rate(),
            cases=[*lists[:MAX_CASES], *(CaseSearch(case_id=case_id, left=rows) for case_id, rows in first)],
            n_cases=len(lists) + len(left),
        )

    def _rate(self) -> float:
        if self._busy_since_s is None:
            return 0.0
        return round(self._n_done / max(time.monotonic() - self._busy_since_s, 1e-3), 3)


def _without_lists(search: Search) -> Search:
    cases = [one for one in search.cases if not one.of]
    return replace(search, cases=cases, n_cases=search.n_cases - len(search.cases) + len(cases))
