"""Service of `jikimi exchange serve`: HMA's endpoints until it is stopped."""

import asyncio
import secrets

from rich.console import Console

from streams.describe.exact import exact_key
from streams.engine.stop_signals import stopping_on_signals
from streams.exchange.hma.app import create_app
from streams.exchange.hma.hasher import Hasher
from streams.exchange.hma.lookup import Lookup
from streams.exchange.live_lists import LiveLists
from streams.feeds.http.server import StoppableServer, listen, server_config
from streams.feeds.http.token import check_token
from streams.kafka.clients import create_codec
from streams.kafka.wait_for_broker import wait_for_broker
from streams.settings import Settings

_MOST_REQUESTS = 32
"""At once; more are answered 503."""
_STOP_S = 30


async def serve_hma(settings: Settings, host: str, port: int, console: Console) -> None:
    """Answer hash and match requests until the process is stopped.

    Raises
    ------
    UsageError
        The address cannot be listened on, or is open to others without JIKIMI_HTTP_TOKEN.
    """
    token = settings.http.token.get_secret_value()
    check_token(token, host)
    opened = listen(host, port)
    await asyncio.to_thread(wait_for_broker, settings)
    key = exact_key(settings) or secrets.token_bytes(32)  # nothing outside this process is compared with it
    failures: list[Exception] = []

    def crash(error: Exception) -> None:
        failures.append(error)
        server.stop()

    lists = LiveLists(settings, create_codec(settings), crash, key)

    async def current() -> Lookup:
        return Lookup(await lists.index(), key)

    async with Hasher(settings.media).opened() as hasher:
        server = StoppableServer(
            server_config(
                create_app(hasher, current, token),
                limit_concurrency=_MOST_REQUESTS,
                timeout_graceful_shutdown=_STOP_S,
            )
        )
        following = asyncio.create_task(lists.run())
        following.add_done_callback(lambda _: server.stop())
        console.print("listening on http://{}:{}".format(*opened.getsockname()[:2]), highlight=False)
        with stopping_on_signals(server.stop):
            await server.serve([opened])
        await _ended(following, lists)
    if failures:
        raise failures[0]


async def _ended(following: asyncio.Task[None], lists: LiveLists) -> None:
    """Stop following the lists; raise the error that has ended it, if one has."""
    if following.done():
        following.result()
    following.cancel()
    await asyncio.wait({following})
    await lists.stop()
