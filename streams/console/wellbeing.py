"""What the console counts for the well-being of a reviewer: pictures shown, and time of review without a break."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

BREAK_S = 10 * 60.0
"""Time without a review that is a break."""
MAX_PERSONS = 200
"""Persons counted; the one who reviewed longest ago is left out for a new one."""


@dataclass(slots=True)
class _Counts:
    began_s: float
    last_s: float
    exposures: int = 0


class Wellbeing:
    """Counts by account since the start of the console; the log of acts has each exposure for good.

    Parameters
    ----------
    break_after_s
        Time of review without a break after which one is suggested; 0 for never.
    """

    def __init__(self, break_after_s: float = 0.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._break_after_s = break_after_s
        self._clock = clock
        self._persons: OrderedDict[str, _Counts] = OrderedDict()

    def reviewed(self, account: str) -> float | None:
        """Note that a person is at work on reviews; return for how long if a break is due, s."""
        now_s = self._clock()
        counts = self._counts(account)
        if now_s - counts.last_s >= BREAK_S:
            counts.began_s = now_s
        counts.last_s = now_s
        lasted_s = now_s - counts.began_s
        return lasted_s if 0 < self._break_after_s <= lasted_s else None

    def expose(self, account: str) -> None:
        """Count a picture that is shown to a person."""
        self._counts(account).exposures += 1

    def exposures(self, account: str) -> int:
        """Return the number of pictures that were shown to a person."""
        counts = self._persons.get(account)
        return counts.exposures if counts is not None else 0

    def _counts(self, account: str) -> _Counts:
        if account not in self._persons:
            if len(self._persons) >= MAX_PERSONS:
                self._persons.popitem(last=False)
            self._persons[account] = _Counts(self._clock(), self._clock())
        self._persons.move_to_end(account)
        return self._persons[account]
