"""Between requests and the feed: records wait here for the broker, not more than may, and not longer than a client."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence

from streams.feeds.runner import Batch, Brought

_STUCK_S = 5.0
"""When nothing was written for so long, the next request need not wait to be told."""


class FullError(Exception):
    """Too much waits for the broker: come back."""


class AwayError(Exception):
    """The broker does not take what waits for it."""


class Inbox:
    """Takes records from requests, gives them to the feed.

    Parameters
    ----------
    max_waiting
        Records; a single request may hold more while nothing else waits.
    patience_s
        Longest wait of a request.
    """

    def __init__(self, max_waiting: int, patience_s: float) -> None:
        self._max_waiting = max_waiting
        self._patience_s = patience_s
        self._queue: asyncio.Queue[Batch] = asyncio.Queue()
        self._since: dict[asyncio.Future[None], float] = {}
        self._n_waiting = 0

    @property
    def stuck(self) -> bool:
        """Whether what waits has done so for too long."""
        now = asyncio.get_running_loop().time()
        return any(now - since > _STUCK_S for since in self._since.values())

    def put(self, records: Sequence[Brought], parts: Mapping[str, str | None]) -> asyncio.Future[None]:
        """Queue records and what to remember with them; the future is done when readers see them.

        Raises
        ------
        AwayError, FullError
            They were not queued.
        """
        if self.stuck:
            raise AwayError
        if self._n_waiting and self._n_waiting + len(records) > self._max_waiting:
            raise FullError
        loop = asyncio.get_running_loop()
        written: asyncio.Future[None] = loop.create_future()
        self._since[written] = loop.time()
        self._n_waiting += len(records)
        written.add_done_callback(lambda done: self._leave(done, len(records)))
        self._queue.put_nowait(Batch(records, parts=parts, written=written))
        return written

    async def wait(self, written: asyncio.Future[None]) -> None:
        """Return when the records are written.

        Raises
        ------
        AwayError
            They are not yet, and may be later.
        """
        done, _ = await asyncio.wait({written}, timeout=self._patience_s)
        if not done or written.cancelled():
            raise AwayError

    async def batches(self, until: asyncio.Event) -> AsyncGenerator[Batch]:
        """Yield what comes; after the event only what is there already."""
        ending = asyncio.ensure_future(until.wait())
        try:
            while not (until.is_set() and self._queue.empty()):
                coming = asyncio.ensure_future(self._queue.get())
                await asyncio.wait({coming, ending}, return_when=asyncio.FIRST_COMPLETED)
                if coming.done():
                    yield coming.result()
                else:
                    coming.cancel()
        finally:
            ending.cancel()

    def close(self) -> None:
        """Tell everyone who still waits that it was in vain."""
        for written in list(self._since):
            written.cancel()

    def _leave(self, written: asyncio.Future[None], n_records: int) -> None:
        del self._since[written]
        self._n_waiting -= n_records
