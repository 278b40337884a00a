"""Timers of a timetable: one per takedown, earliest first."""

import heapq
from collections.abc import Iterator


class DeadlineTimers:
    """Deadlines by takedown id.

    A deadline that moves later keeps its one entry in the queue, which is queued again when it expires, so the queue
    grows with the takedowns and not with their steps.
    """

    def __init__(self) -> None:
        self._deadlines: dict[str, float] = {}
        self._queued: dict[str, float] = {}
        self._queue: list[tuple[float, str]] = []

    def __len__(self) -> int:
        return len(self._queue)

    def set(self, takedown_id: str, deadline_s: float) -> None:
        """Set the deadline of a takedown, in seconds since the epoch; it replaces an earlier one."""
        self._deadlines[takedown_id] = deadline_s
        if deadline_s < self._queued.get(takedown_id, float("inf")):
            self._push(takedown_id, deadline_s)

    def expired(self, now_s: float) -> Iterator[str]:
        """Remove each timer whose deadline has come and yield its takedown, by deadline and then by id.

        Timers set meanwhile are included.
        """
        while self._queue and self._queue[0][0] <= now_s:
            queued_s, takedown_id = heapq.heappop(self._queue)
            if self._queued.get(takedown_id) != queued_s:
                continue  # a deadline that moved earlier has an entry of its own
            del self._queued[takedown_id]
            if (deadline_s := self._deadlines[takedown_id]) > queued_s:
                self._push(takedown_id, deadline_s)
            else:
                del self._deadlines[takedown_id]
                yield takedown_id

    def _push(self, takedown_id: str, deadline_s: float) -> None:
        self._queued[takedown_id] = deadline_s
        heapq.heappush(self._queue, (deadline_s, takedown_id))
