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

    @property
    def is_stalled(self) -> bool:
        """Whether a record has waited too long."""
        now = asyncio.get_running_loop().time()
        return any(now - since > _STALL_S for since in self._since.values())

    def put(self, records: Sequence[FeedRecord], parts: Mapping[str, str | None]) -> asyncio.Future[None]:
        """Queue records and the changed parts of the cursor; the future is done when readers can read the records.

        Raises
        ------
        BrokerUnavailableError, QueueFullError
            They were not queued.
        """
        if self.is_stalled:
            raise BrokerUnavailableError
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
