"""Slices of the archive: one model's vectors of posts of one week, searched and dropped as a whole."""

import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import NamedTuple, Self

ROWS = 1_024
"""Rows from which a slice is full and leaves the engine, in which a row takes 40 times the bytes of its code.

They also bound how long a search of it holds up an add to it. Fewer would have the engine make slices more often.
"""
_NAME = re.compile(r"(.+)__timed_(\d+)_(\d+)")
"""Slices of an earlier version are named otherwise: their rows have no times."""


class Slice(NamedTuple):
    """One slice.

    Attributes
    ----------
    space
        Modality, model, version and width of its vectors.
    week
        Number of the week of its posts: records expire within a week of each other.
    number
        Place among the slices of the week, which has as many as its rows need.
    """

    space: str
    week: int
    number: int

    @property
    def name(self) -> str:
        """Name of its collection."""
        return f"{self.space}__timed_{self.week}_{self.number}"

    @classmethod
    def of(cls, name: str) -> Self | None:
        """Return the slice of a collection, None if it is another collection."""
        found = _NAME.fullmatch(name)
        return None if found is None else cls(found[1], int(found[2]), int(found[3]))


class Slices:
    """Catalogue of the slices, in memory; safe to call from any thread.

    Parameters
    ----------
    existing
        In any order.
    count
        Returns the number of rows of a slice from before a restart.
    """

    def __init__(self, existing: Iterable[Slice], count: Callable[[Slice], int]) -> None:
        self._lock = threading.Lock()
        self._count = count
        self._rows: dict[Slice, int] = {}
        self._spaces: dict[str, list[Slice]] = defaultdict(list)
        for one in sorted(existing):
            self._spaces[one.space].append(one)

    def place(self, space: str, seen_at: datetime, n_rows: int) -> tuple[Slice, Slice | None]:
        """Return the slice for a record's rows, and the one before it if that has become full."""
        week = seen_at.toordinal() // 7
        with self._lock:
            last = max((one for one in self._spaces[space] if one.week == week), default=None)
            chosen, full = last, None
            if last is None or self._rows_of(last) >= ROWS:
                chosen, full = Slice(space, week, 0 if last is None else last.number + 1), last
                self._spaces[space] = sorted([*self._spaces[space], chosen])
                self._rows[chosen] = 0
            assert chosen is not None
            self._rows[chosen] = self._rows_of(chosen) + n_rows
            return chosen, full

    def _rows_of(self, one: Slice) -> int:
        if one not in self._rows:
            self._rows[one] = self._count(one)
        return self._rows[one]

    def of(self, space: str) -> list[Slice]:
        """Return one space's slices, the oldest first."""
        with self._lock:
            return list(self._spaces.get(space, ()))

    def spaces(self) -> list[str]:
        """Return the spaces that have slices."""
        with self._lock:
            return [space for space, slices in self._spaces.items() if slices]

    def keep(self, one: Slice) -> None:
        """Add a slice again if it was removed meanwhile."""
        with self._lock:
            if one not in self._spaces[one.space]:
                self._spaces[one.space] = sorted([*self._spaces[one.space], one])

    def remove(self, one: Slice) -> None:
        """Remove a slice that was dropped, or has become part of another."""
        with self._lock:
            self._spaces[one.space].remove(one)
            self._rows.pop(one, None)
