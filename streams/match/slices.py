"""Slices of the archive: one model's vectors from one stretch of one partition, searched and dropped as a whole."""

import re
import threading
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import NamedTuple, Self

_ROWS = 4_096
"""Rows from which a slice is full: they bound how long a search of it holds up an add to it."""
_DAYS = 7
"""Age, by the posts in it, from which a slice is full: they bound how long a record outlives its topic's retention."""
_NAME = re.compile(r"(.+)__(\d+)_(\d+)_(\d+)")


class Slice(NamedTuple):
    """One slice.

    Attributes
    ----------
    space
        Modality, model, version and width of its vectors.
    start
        Offset of the record that opened it: no record of it is earlier.
    day
        Number of the day of that record's post.
    """

    space: str
    partition: int
    start: int
    day: int

    @property
    def name(self) -> str:
        """Name of its collection."""
        return f"{self.space}__{self.partition}_{self.start}_{self.day}"

    @classmethod
    def of(cls, name: str) -> Self | None:
        """Return the slice of a collection, None if it is another collection."""
        if (found := _NAME.fullmatch(name)) is None:
            return None
        return cls(found[1], *map(int, found.groups()[1:]))


class Slices:
    """Catalogue of the slices, in memory; safe to call from any thread.

    Parameters
    ----------
    existing
        In any order.
    """

    def __init__(self, existing: Iterable[Slice]) -> None:
        self._lock = threading.Lock()
        self._ordered: dict[tuple[str, int], list[Slice]] = defaultdict(list)
        self._rows: dict[Slice, int] = {}
        for one in sorted(existing, key=lambda one: one.start):
            self._ordered[one.space, one.partition].append(one)

    def place(self, space: str, partition: int, offset: int, day: int, n_rows: int) -> tuple[Slice, Slice | None]:
        """Return the slice for a record's rows, and the one before it if that is full now."""
        with self._lock:
            slices = self._ordered[space, partition]
            place = bisect_right(slices, offset, key=lambda one: one.start)
            full = None
            if not place or (slices[place - 1].start < offset and self._is_full(slices, place - 1, day)):
                full = slices[place - 1] if place else None
                slices.insert(place, Slice(space, partition, offset, day))
                self._rows[slices[place]] = 0
                place += 1
            chosen = slices[place - 1]
            self._rows[chosen] = self._rows.get(chosen, _ROWS) + n_rows
            return chosen, full

    def _is_full(self, slices: list[Slice], at: int, day: int) -> bool:
        # The rows of a slice from before a restart are not known: it counts as full.
        rows = self._rows.get(slices[at], _ROWS)
        # Records end out of order: an earlier one must not open a slice of its own.
        is_last = at == len(slices) - 1
        return rows >= 2 * _ROWS or (is_last and (rows >= _ROWS or day >= slices[at].day + _DAYS))

    def of(self, space: str, partitions: Collection[int]) -> list[Slice]:
        """Return one space's slices of these partitions."""
        with self._lock:
            return [one for partition in sorted(partitions) for one in self._ordered.get((space, partition), ())]

    def before(self, partition: int, offset: int) -> list[Slice]:
        """Return the slices of a partition that may have records before an offset, the earliest first."""
        with self._lock:
            found = [
                one
                for (_, its), slices in self._ordered.items()
                if its == partition
                for one in slices[: bisect_right(slices, offset - 1, key=lambda one: one.start)]
            ]
        return sorted(found, key=lambda one: one.start)

    def remove(self, one: Slice) -> None:
        """Forget a slice."""
        with self._lock:
            self._ordered[one.space, one.partition].remove(one)
            self._rows.pop(one, None)

    def partitions(self) -> set[int]:
        """Return the partitions that have a slice."""
        with self._lock:
            return {partition for (_, partition), slices in self._ordered.items() if slices}
