"""An ordered window: several records at once, acknowledged only from the head of each partition.

Faust acks what finishes, not what is finished up to there, so with several records in flight a crash can commit past
one that was never done. Here a record is acked when it and every earlier one of its partition are done, and a failure
stops all acks for good: the worker crashes and starts again from the last commit.
"""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import NamedTuple, Protocol


class Item(Protocol):
    """One record in flight."""

    @property
    def partition(self) -> object:
        """What its order holds in: a topic partition."""

    def ack(self) -> None:
        """Mark it done; called in order within a partition."""


class WorkCancelledError(RuntimeError):
    """The work on an item was cancelled, and not by the window."""


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
        How many items may be in flight or finished behind a slower one, over all partitions. A full window stops
        reading: that is the back-pressure.
    """

    def __init__(self, work: Callable[[I], Awaitable[None]], limit: int) -> None:
        self._work = work
        self._slots = asyncio.Semaphore(limit)
        self._in_flight: dict[object, deque[_InFlight[I]]] = defaultdict(deque)
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def depth(self) -> int:
        """How many items are in flight or wait for an earlier one."""
        return sum(len(items) for items in self._in_flight.values())

    @property
    def age_s(self) -> float:
        """How long the oldest item has been in flight, seconds; 0 when none is."""
        heads = [items[0].since_s for items in self._in_flight.values() if items]
        return time.monotonic() - min(heads) if heads else 0.0

    async def run(self, items: AsyncIterator[I]) -> None:
        """Take items until they end or one fails.

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
            await self._slots.acquire()
            task = asyncio.ensure_future(self._work(item))
            self._in_flight[item.partition].append(_InFlight(item, task, time.monotonic()))
            task.add_done_callback(partial(self._advance, item.partition))

    def _advance(self, partition: object, _: asyncio.Task[None]) -> None:
        """Ack from the head while the head is done; called whenever a task of the partition ends.

        A slot is freed by the ack, not by the end of the task: a slow head would else let finished records pile up.
        """
        queue = self._in_flight[partition]
        while queue and queue[0].task.done() and not self._failed.done():
            try:
                _raise_failure(queue[0].task)
                queue[0].item.ack()
            except Exception as error:  # noqa: BLE001 - whatever it is, run() raises it
                # Skipping it and acking the next would lose it: nothing after it may be acked.
                self._failed.set_exception(error)
                return
            queue.popleft()
            self._slots.release()

    async def _drain(self) -> None:
        while self.depth and not self._failed.done():
            tasks = [one.task for items in self._in_flight.values() for one in items]
            await asyncio.wait([*tasks, self._failed], return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(0)

    async def _cancel(self, reader: asyncio.Task[None]) -> None:
        tasks = [reader, *(one.task for items in self._in_flight.values() for one in items)]
        if not self._failed.done():
            self._failed.cancel()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _raise_failure(task: asyncio.Task[None]) -> None:
    """Raise what the work raised; a cancellation that nobody asked the window for is a failure like any other.

    Passed on as a CancelledError it would look like a rebalance: the agent would start again, past the lost record.
    """
    try:
        task.result()
    except asyncio.CancelledError as error:
        raise WorkCancelledError("the work on a record was cancelled from within") from error
