"""Posts and removals over HTTP: a request is answered when readers of the topics can see what it brought."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address

import uvicorn

from streams.errors import UsageError
from streams.feeds.cursor import Progress
from streams.feeds.http.app import FEED, Desk, counted, create_app
from streams.feeds.http.settings import HttpSettings
from streams.feeds.runner import Batch

__all__ = ["FEED", "HttpFeed"]

_LEAST_TOKEN_BYTES = 16


class HttpFeed:
    """The feed: listens as soon as it is made, serves from when it knows where it left off.

    Raises
    ------
    UsageError
        The address cannot be listened on, or is open to others without a token.
    """

    def __init__(self, settings: HttpSettings, host: str, port: int) -> None:
        _check_token(settings.token.get_secret_value(), host)
        self._settings = settings
        self._socket = _listen(host, port)
        self.address = "http://{}:{}".format(*self._socket.getsockname()[:2])

    async def batches(self, progress: Progress) -> AsyncGenerator[Batch]:
        """Yield what requests bring until told to end; then what is being brought, and no more."""
        desk = Desk(self._settings, progress)
        config = uvicorn.Config(
            counted(create_app(self._settings, desk)),
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=int(self._settings.patience_s) + 1,
        )
        server = _Server(config)
        ended = asyncio.Event()
        serving = asyncio.create_task(server.serve([self._socket]))
        serving.add_done_callback(lambda _: ended.set())
        batches = desk.inbox.batches(ended)
        coming = asyncio.ensure_future(anext(batches, None))
        try:
            while (batch := await _cancelled_into(coming, server.end)) is not None:
                yield batch
                coming = asyncio.ensure_future(anext(batches, None))
        finally:
            coming.cancel()
            server.end()
            desk.inbox.close()
            await asyncio.wait({serving})


async def _cancelled_into[T](coming: asyncio.Future[T], end: Callable[[], None]) -> T:
    """Return what comes; being cancelled ends the server, and what is on its way still comes."""
    try:
        return await asyncio.shield(coming)
    except asyncio.CancelledError:
        end()
        return await coming


class _Server(uvicorn.Server):
    """A server that leaves signals to the feed."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    def end(self) -> None:
        """Take no more requests, and end when those under way are answered."""
        self.should_exit = True


def _check_token(token: str, host: str) -> None:
    if token and len(token) < _LEAST_TOKEN_BYTES:
        raise UsageError(f"JIKIMI_HTTP_TOKEN needs {_LEAST_TOKEN_BYTES} characters or more")
    if not token and not _is_loopback(host):
        raise UsageError(f"others can connect to {host}: set JIKIMI_HTTP_TOKEN, or listen on 127.0.0.1")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=512)
    except (OSError, OverflowError) as error:
        raise UsageError(f"cannot listen on {host}:{port}: {error}") from error
