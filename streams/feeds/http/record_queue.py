"""Bounded queue of the records of requests that wait for the broker."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence

from streams.feeds.batch import Batch, FeedRecord

_STALL_S = 5.0
"""Age of a waiting record above which requests are refused without waiting."""


class QueueFullError(Exception):
    """Too many records wait for the broker; the client should try later."""


class BrokerUnavailableError(Exception):
    """The broker does not accept the waiting records."""


class RecordQueue:
    """Queue from requests to the feed.

    Parameters
    ----------
    max_waiting
        Largest number of records; a single request may hold more while no others wait.
    timeout_s
        Longest wait of a request.
    """

    def __init__(self, max_waiting: int, timeout_s: float) -> None:
        self._max_waiting = max_waiting
        self._timeout_s = timeout_s
        self._queue: asyncio.Queue[Batch] = asyncio.Queue()
        self._since: dict[asyncio.Future[None], float] = {}
        self._n_waiting = 0
        self.outage = ""
        """What is wrong with the broker, as far as it is known; part of answers."""

    @property
    def is_stalled(self) -> bool:
        """Whether a record has waited too long."""
        return self._longest_wait_s > _STALL_S

    @property
    def _longest_wait_s(self) -> float:
        return asyncio.get_running_loop().time() - min(self._since.values(), default=float("inf"))

    def check(self) -> None:
        """Raise a `BrokerUnavailableError` that says why, if records are not written now."""
        if self.is_stalled:
            waited = f"a record has waited for {self._longest_wait_s:.0f} s"
            raise BrokerUnavailableError("; ".join(filter(None, [waited, self.outage])))

    def put(self, records: Sequence[FeedRecord], parts: Mapping[str, str | None]) -> asyncio.Future[None]:
        """Queue records and the changed parts of the cursor; the future is done when readers can read the records.

        Raises
        ------
        BrokerUnavailableError, QueueFullError
            They were not queued.
        """
        self.check()
        if self._n_waiting and self._n_waiting + len(records) > self._max_waiting:
            raise QueueFullError
        loop = asyncio.get_running_loop()
        written: asyncio.Future[None] = loop.create_future()
        self._since[written] = loop.time()
        self._n_waiting += len(records)
        written.add_done_callback(lambda done: self._remove(done, len(records)))
        self._queue.put_nowait(Batch(records, parts=parts, written=written))
        return written

    async def wait(self, written: asyncio.Future[None]) -> None:
        """Return when the records are written.

        Raises
        ------
        BrokerUnavailableError
            They are not written yet, and may be written later.
        """
        done, _ = await asyncio.wait({written}, timeout=self._timeout_s)
        if not done or written.cancelled():
            raise BrokerUnavailableError

    async def batches(self, until: asyncio.Event) -> AsyncGenerator[Batch]:
        """Yield queued batches; after the event only those already in the queue."""
        ended = asyncio.ensure_future(until.wait())
        try:
            while not (until.is_set() and self._queue.empty()):
                queued = asyncio.ensure_future(self._queue.get())
                await asyncio.wait({queued, ended}, return_when=asyncio.FIRST_COMPLETED)
                if queued.done():
                    yield queued.result()
                else:
                    queued.cancel()
        finally:
            ended.cancel()

    def close(self) -> None:
        """Cancel the requests that still wait."""
        for written in list(self._since):
            written.cancel()

    def _remove(self, written: asyncio.Future[None], n_records: int) -> None:
        del self._since[written]
        self._n_waiting -= n_records
