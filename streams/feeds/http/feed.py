"""Posts and removals over HTTP: a request is answered once readers of the topics can read its records."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence

from litestar.handlers import HTTPRouteHandler

from streams.feeds.batch import Batch
from streams.feeds.cursor import Progress
from streams.feeds.http.app import count_responses, create_app
from streams.feeds.http.ingestor import Ingestor
from streams.feeds.http.server import StoppableServer, listen, server_config
from streams.feeds.http.settings import HttpSettings
from streams.feeds.http.token import check_token


class HttpFeed:
    """The feed: the constructor opens the socket, and requests are served once the progress is read.

    Parameters
    ----------
    routes
        Further ones beside those of the feed.

    Raises
    ------
    UsageError
        The address cannot be listened on, or is open to others without a token.
    """

    def __init__(self, settings: HttpSettings, host: str, port: int, routes: Sequence[HTTPRouteHandler] = ()) -> None:
        check_token(settings.token.get_secret_value(), host)
        self._settings = settings
        self._routes = routes
        self._ingestor: Ingestor | None = None
        self._socket = listen(host, port)
        self.address = "http://{}:{}".format(*self._socket.getsockname()[:2])

    def on_outage(self, what: str) -> None:
        """Note what is wrong with the broker, which answers then say; nothing once it is over."""
        if self._ingestor is not None:
            self._ingestor.queue.outage = what

    async def batches(self, progress: Progress) -> AsyncGenerator[Batch]:
        """Yield the records of requests until cancelled, then those of the requests under way."""
        ingestor = self._ingestor = Ingestor(self._settings, progress)
        config = server_config(
            count_responses(create_app(self._settings, ingestor, self._routes)),
            timeout_graceful_shutdown=int(self._settings.patience_s) + 1,
        )
        server = StoppableServer(config)
        ended = asyncio.Event()
        serving = asyncio.create_task(server.serve([self._socket]))
        serving.add_done_callback(lambda _: ended.set())
        batches = ingestor.queue.batches(ended)
        pending = asyncio.ensure_future(anext(batches, None))
        try:
            while (batch := await _result_after_stop(pending, server.stop)) is not None:
                yield batch
                pending = asyncio.ensure_future(anext(batches, None))
        finally:
            pending.cancel()
            server.stop()
            ingestor.queue.close()
            await asyncio.wait({serving})


async def _result_after_stop[T](pending: asyncio.Future[T], stop: Callable[[], None]) -> T:
    """Return the result of a future; a cancellation calls `stop` and still waits for the result."""
    try:
        return await asyncio.shield(pending)
    except asyncio.CancelledError:
        stop()
        return await pending
