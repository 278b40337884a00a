"""Ordered window: several records in flight, acked only from the head of each partition.

Faust acks each record when it finishes, so with several records in flight a commit can pass a record that was never
finished. Here a record is acked once it and every earlier record of its partition are finished. A failure stops all
acks: the worker crashes and restarts from the last commit.
"""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import NamedTuple, Protocol

from streams.engine.waiting import Place, place_of_record

MAX_FINISHED = 4096
"""Without their values these take a few hundred bytes each."""
MAX_WAITING = 256
"""With their values these take what they take on Kafka: a post has a few kilobytes, at most one mebibyte."""


class Item(Protocol):
    """One record in flight."""

    @property
    def partition(self) -> object:
        """Topic partition, within which the order is kept."""

    def ack(self) -> None:
        """Mark the record as finished; called in order within a partition."""


class WorkCancelledError(RuntimeError):
    """The work on an item was cancelled by something other than the window."""


class _InFlight[I: Item](NamedTuple):
    item: I
    task: asyncio.Task[None]
    since_s: float


class Window[I: Item]:
    """Run `work` on up to `limit` items at once and ack them in order.

    Parameters
    ----------
    work
        Returns when the item's outcome is durable; an exception from it ends the window.
    limit
        Number of items worked on at once, over all partitions. At the limit the window stops reading, which is the
        back-pressure.
    max_finished
        Number of items finished behind an unfinished one, over all partitions; beyond it the window stops reading too.
        A slow item holds up neither other partitions nor its own until then, and a crash repeats at most so many.
    max_waiting
        Number of unfinished items beyond `limit`: so many may wait for a turn (streams/engine/waiting.py) while others
        run in their place. At it the window stops reading; no item keeps its place while it waits: an item that waits
        for a place may hold the resource that another waits for.
    """

    def __init__(
        self,
        work: Callable[[I], Awaitable[None]],
        limit: int,
        max_finished: int = MAX_FINISHED,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        self._work = work
        self._slots = asyncio.Semaphore(limit)
        self._places = asyncio.Semaphore(limit + max_finished)
        self._unfinished = asyncio.Semaphore(limit + max_waiting)
        self._in_flight: dict[object, deque[_InFlight[I]]] = defaultdict(deque)
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def depth(self) -> int:
        """Number of items in flight or finished behind an unfinished one."""
        return sum(len(items) for items in self._in_flight.values())

    @property
    def age_s(self) -> float:
        """Time that the oldest item has been in flight, seconds; 0 without items."""
        heads = [items[0].since_s for items in self._in_flight.values() if items]
        return time.monotonic() - min(heads) if heads else 0.0

    async def run(self, items: AsyncIterator[I]) -> None:
        """Process items until they end or one fails.

        Raises
        ------
        Exception
            The first failure of `work`; nothing at or after the failed item was acked.
        """
        reader = asyncio.create_task(self._read(items))
        try:
            await asyncio.wait([reader, self._failed], return_when=asyncio.FIRST_COMPLETED)
            if reader.done():
                await reader
                await self._drain()
            if self._failed.done():
                await self._failed
        finally:
            await self._cancel(reader)

    async def _read(self, items: AsyncIterator[I]) -> None:
        async for item in items:
            await self._places.acquire()
            await self._unfinished.acquire()
            await self._slots.acquire()
            task = asyncio.ensure_future(self._run(item))
            self._in_flight[item.partition].append(_InFlight(item, task, time.monotonic()))
            task.add_done_callback(partial(self._advance, item.partition))

    async def _run(self, item: I) -> None:
        place_of_record.set(Place(self._slots))
        await self._work(item)

    def _advance(self, partition: object, _: asyncio.Task[None]) -> None:
        """Ack from the head of a partition as long as it is finished; called when a task of the partition ends."""
        self._slots.release()
        self._unfinished.release()
        queue = self._in_flight[partition]
        while queue and queue[0].task.done() and not self._failed.done():
            try:
                _raise_failure(queue[0].task)
                queue[0].item.ack()
            except Exception as error:  # noqa: BLE001 - run() raises it
                # Acking a later record would lose this one.
                self._failed.set_exception(error)
                return
            queue.popleft()
            self._places.release()

    async def _drain(self) -> None:
        while self.depth and not self._failed.done():
            running = [one.task for items in self._in_flight.values() for one in items if not one.task.done()]
            if running:
                await asyncio.wait([*running, self._failed], return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(0)

    async def _cancel(self, reader: asyncio.Task[None]) -> None:
        tasks = [reader, *(one.task for items in self._in_flight.values() for one in items)]
        if not self._failed.done():
            self._failed.cancel()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _raise_failure(task: asyncio.Task[None]) -> None:
    """Raise the exception of the work, and a `WorkCancelledError` for a cancellation that the window did not make.

    As a CancelledError it would look like a rebalance: the agent would restart after the lost record.
    """
    try:
        task.result()
    except asyncio.CancelledError as error:
        raise WorkCancelledError("the work on a record was cancelled from within") from error
