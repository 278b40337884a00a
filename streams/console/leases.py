"""Leases of review jobs: one reviewer a job, as long as the person is at work on it.

They are in memory, so they cover one console. Between several consoles the check for a stale page decides.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

LEASE_S = 15 * 60.0
"""Time from the last request for a job to the end of its lease."""
MAX_LEASES = 1000
"""Leases at once; the one renewed longest ago ends for a new one."""
MAX_OF_HOLDER = 5
"""Leases of one person, who may have several jobs open; the one renewed longest ago ends for a new one."""


class Lease(NamedTuple):
    """One job that a person has open."""

    holder: str
    since: datetime
    ends_s: float
    """On the clock of the leases."""


class Leases:
    """Leases by the key of their job; an expired one is like none."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._leases: OrderedDict[str, Lease] = OrderedDict()  # the one renewed longest ago first

    def take(self, key: str, holder: str) -> datetime | None:
        """Take or renew a lease; return since when another person has the job open, None if it is the holder's now."""
        if (since := self.taken(key, holder)) is not None:
            return since
        self.take_over(key, holder)
        return None

    def take_over(self, key: str, holder: str) -> None:
        """Take a lease, also from another person."""
        last = self._find(key)
        since = last.since if last is not None and last.holder == holder else datetime.now(UTC)
        self._leases.pop(key, None)
        self._make_room(holder)
        self._leases[key] = Lease(holder, since, self._clock() + LEASE_S)

    def taken(self, key: str, holder: str) -> datetime | None:
        """Return since when a person other than this one has a job open, None if nobody has."""
        lease = self._find(key)
        return lease.since if lease is not None and lease.holder != holder else None

    def of_others(self, holder: str) -> frozenset[str]:
        """Return the keys of the jobs that others than this person have open."""
        self._expire()
        return frozenset(key for key, lease in self._leases.items() if lease.holder != holder)

    def end(self, key: str) -> None:
        """End the lease of a job, whoever has it."""
        self._leases.pop(key, None)

    def end_all(self, holder: str) -> None:
        """End the leases of a person."""
        for key in [key for key, lease in self._leases.items() if lease.holder == holder]:
            del self._leases[key]

    def _find(self, key: str) -> Lease | None:
        self._expire()
        return self._leases.get(key)

    def _expire(self) -> None:
        now_s = self._clock()
        while self._leases and next(iter(self._leases.values())).ends_s <= now_s:
            self._leases.popitem(last=False)

    def _make_room(self, holder: str) -> None:
        own = [key for key, lease in self._leases.items() if lease.holder == holder]
        for key in own[: max(0, len(own) - MAX_OF_HOLDER + 1)]:
            del self._leases[key]
        if len(self._leases) >= MAX_LEASES:
            self._leases.popitem(last=False)
