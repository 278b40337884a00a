"""Waiting of a handler for its turn at a shared resource, such as a fetch of media or memory for a decoder.

Meanwhile its deadline stands still, and another record may run in its place: who waits for others must not fail for it,
nor hold them up.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar


class Deadline:
    """Deadline of a handler's next output, seconds; it stands still while any part of the handler waits."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = self._left_s = timeout_s
        self._n_waits = 0
        self._timer: asyncio.Timeout | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Timeout]:
        """Apply the deadline to one output; raises TimeoutError as asyncio.timeout does."""
        async with asyncio.timeout(None) as timer:
            self._left_s, self._timer = self._timeout_s, timer
            self._start()
            try:
                yield timer
            finally:
                self._timer = None

    def pause(self) -> None:
        """Stop the clock; each call needs one of `resume`."""
        if self._timer is not None and (when_s := self._timer.when()) is not None:
            self._left_s = when_s - asyncio.get_running_loop().time()
            self._timer.reschedule(None)
        self._n_waits += 1

    def resume(self) -> None:
        """Let the clock run on once nothing waits."""
        self._n_waits -= 1
        self._start()

    def _start(self) -> None:
        if self._timer is not None and not self._timer.expired() and not self._n_waits:
            self._timer.reschedule(asyncio.get_running_loop().time() + self._left_s)


class Place:
    """Place of one record among those that run at once, lent to another while any part of its handler waits.

    Parameters
    ----------
    places
        The places of all records; the record has taken one.
    """

    def __init__(self, places: asyncio.Semaphore) -> None:
        self._places = places
        self._n_waits = 0

    def leave(self) -> None:
        """Lend the place; each call needs one of `resume`."""
        self._n_waits += 1
        if self._n_waits == 1:
            self._places.release()

    async def resume(self) -> None:
        """Wait for a place once nothing else waits."""
        self._n_waits -= 1
        if not self._n_waits:
            await self._places.acquire()


deadline_of_record: ContextVar[Deadline | None] = ContextVar("deadline", default=None)
place_of_record: ContextVar[Place | None] = ContextVar("place", default=None)


@asynccontextmanager
async def waiting() -> AsyncIterator[None]:
    """Wait inside for a turn that others give; what it waits for must have limits of its own."""
    deadline, place = deadline_of_record.get(), place_of_record.get()
    if deadline is not None:
        deadline.pause()
    if place is not None:
        place.leave()
    try:
        yield
    finally:
        if place is not None:
            await place.resume()
        if deadline is not None:
            deadline.resume()
