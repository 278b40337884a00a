"""Timetable of one partition: the progress of its takedowns, and which of them has a step to take next."""

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec

from streams.delivery.deadline_timers import DeadlineTimers
from streams.delivery.plan import Step, is_over, next_step
from streams.delivery.platforms.registry import Platform
from streams.delivery.progress import Progress
from streams.fusion.join_window import Store

_DECODER = msgspec.msgpack.Decoder(Progress)
_ENCODER = msgspec.msgpack.Encoder()


_NO_NOTICE = ""
"""Queue of the steps that no limit of a platform holds up."""


class _Due(NamedTuple):
    after_minors: bool
    removal_due_at: float
    takedown_id: str


class Timetable:
    """Progress of takedowns as durable as the store makes it; timers that follow from it.

    Parameters
    ----------
    store
        Progress as msgpack, by takedown id.
    platform_of
        Returns the entry of a platform by its name.
    """

    def __init__(self, store: Store, platform_of: Callable[[str], Platform]) -> None:
        self.store = store
        self._platform_of = platform_of
        self._timers = DeadlineTimers()
        self._due: dict[str, list[_Due]] = defaultdict(list)
        self._queued: set[str] = set()
        self._running: set[str] = set()
        self._n_takedowns = 0
        for key, value in store.items():
            self._n_takedowns += 1
            self._arm(key.decode(), _DECODER.decode(value))

    def __len__(self) -> int:
        return self._n_takedowns

    def all(self) -> Iterator[tuple[str, Progress]]:
        """Yield the id and the progress of every takedown, which may be saved meanwhile."""
        for key, value in list(self.store.items()):
            yield key.decode(), _DECODER.decode(value)

    def get(self, takedown_id: str) -> Progress | None:
        """Return the progress of a takedown, None if nothing is to be done for it."""
        value = self.store.get(takedown_id.encode())
        return _DECODER.decode(value) if value is not None else None

    async def save(self, takedown_id: str, progress: Progress) -> None:
        """Store a takedown's progress and set its timer; erase it after its last step."""
        if is_over(progress):
            await self.erase(takedown_id)
            return
        self._n_takedowns += self.store.get(takedown_id.encode()) is None
        await self.store.put(takedown_id.encode(), _ENCODER.encode(progress))
        self._arm(takedown_id, progress)

    async def erase(self, takedown_id: str) -> None:
        """Erase a takedown for which nothing is to be done any more."""
        self._n_takedowns -= self.store.get(takedown_id.encode()) is not None
        await self.store.erase(takedown_id.encode())

    def step(self, takedown_id: str) -> tuple[Progress, Step] | None:
        """Return a takedown's progress and next step, None without one."""
        progress = self.get(takedown_id)
        step = next_step(progress, self._platform_of(progress.platform)) if progress is not None else None
        return (progress, step) if progress is not None and step is not None else None

    def begin_due(self, now: float, admits: Callable[[str], bool]) -> str | None:
        """Begin and return a takedown whose step is due: those of minors first, then by the time of the removal.

        Parameters
        ----------
        admits
            Whether a platform takes one more notice now; asked only if one is due.
        """
        for takedown_id in self._timers.expired(now):
            self._queue(takedown_id, now)
        for due in self._due.values():
            while due and due[0].takedown_id in self._running:
                self._queued.discard(heapq.heappop(due).takedown_id)  # `end` sets its timer again
        for queue, due in sorted(self._due.items(), key=lambda item: item[1][:1]):
            if due and (queue == _NO_NOTICE or admits(queue)):
                takedown_id = heapq.heappop(due).takedown_id
                self._queued.discard(takedown_id)
                self._running.add(takedown_id)
                return takedown_id
        return None

    def end(self, takedown_id: str, not_before: float = 0.0) -> None:
        """End what `begin_due` began; its timer is set again, for `not_before` at the earliest."""
        self._running.discard(takedown_id)
        if (progress := self.get(takedown_id)) is not None:
            self._arm(takedown_id, progress, not_before)

    def _queue(self, takedown_id: str, now: float) -> None:
        found = self.step(takedown_id)
        if found is None or takedown_id in self._queued:
            return
        progress, step = found
        self._queued.add(takedown_id)
        queue = progress.platform if step.kind == "notice" and not progress.dry else _NO_NOTICE
        heapq.heappush(self._due[queue], _Due(not progress.minor, progress.due_at or now, takedown_id))

    def _arm(self, takedown_id: str, progress: Progress, not_before: float = 0.0) -> None:
        step = next_step(progress, self._platform_of(progress.platform))
        if step is not None:
            self._timers.set(takedown_id, max(step.at, not_before))
