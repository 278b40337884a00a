"""Deadline timers of the join window: one per post, earliest first."""

import heapq
from collections.abc import Iterator


class DeadlineTimers:
    """Deadlines by post id.

    A deadline that moves later keeps its one entry in the queue, which is queued again when it expires, so the queue
    grows with the posts and not with their records.
    """

    def __init__(self) -> None:
        self._deadlines: dict[str, float] = {}
        self._queued: dict[str, float] = {}
        self._queue: list[tuple[float, str]] = []

    def __len__(self) -> int:
        return len(self._queue)

    def set(self, post_id: str, deadline_s: float) -> None:
        """Set the deadline of a post, in seconds since the epoch; it replaces an earlier one."""
        self._deadlines[post_id] = deadline_s
        if deadline_s < self._queued.get(post_id, float("inf")):
            self._push(post_id, deadline_s)

    def clear(self) -> None:
        """Remove all timers."""
        self._deadlines, self._queued, self._queue = {}, {}, []

    def expired(self, now_s: float) -> Iterator[str]:
        """Remove each timer whose deadline has come and yield its post, by deadline and then by post id.

        Timers set meanwhile are included.
        """
        while self._queue and self._queue[0][0] <= now_s:
            queued_s, post_id = heapq.heappop(self._queue)
            if self._queued.get(post_id) != queued_s:
                continue  # a deadline that moved earlier has an entry of its own
            del self._queued[post_id]
            if (deadline_s := self._deadlines[post_id]) > queued_s:
                self._push(post_id, deadline_s)
            else:
                del self._deadlines[post_id]
                yield post_id

    def _push(self, post_id: str, deadline_s: float) -> None:
        self._queued[post_id] = deadline_s
        heapq.heappush(self._queue, (deadline_s, post_id))
