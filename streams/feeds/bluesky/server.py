"""A Jetstream server: address of a subscription, frames of its connection, and reasons for a refusal."""

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal
from urllib.parse import urlencode, urlsplit

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from streams.errors import UsageError
from streams.feeds.bluesky.embeds import ENTRYWAY
from streams.feeds.bluesky.wire import POSTS
from streams.feeds.connection import ConnectionLostError

SERVERS = {
    1: "wss://jetstream2.us-east.bsky.network/subscribe",
    2: "wss://jetstream.us-east.bsky.network/xrpc/network.bsky.jetstream.subscribeEvents",
}
"""Public servers of both wires."""
MAX_FRAME_BYTES = 8 * 1024 * 1024
"""A record is at most 1 MiB; a longer frame is not a post."""

_SUBPROTOCOL = Subprotocol("xrpc.v1.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class JetstreamOptions:
    """Server and subscription of a Jetstream feed."""

    wire: Literal[1, 2] = 2
    url: str = SERVERS[2]
    media_only: bool = False
    """Leave out posts without pictures or video."""
    stall_s: float = 30.0
    """Longest silence before the connection counts as stalled; the whole network is never silent."""
    pds: str = ENTRYWAY
    """Server whose getBlob serves the media."""


def subscribe(options: JetstreamOptions, cursor_us: int | None) -> connect:
    """Return the connection, not yet open, of a subscription from a time on, or without a time from now on."""
    return connect(
        _address(options, cursor_us),
        subprotocols=[_SUBPROTOCOL] if options.wire == 2 else None,  # noqa: PLR2004 - the value of --wire
        max_size=MAX_FRAME_BYTES,
        close_timeout=1,
        user_agent_header="jikimi",
    )


async def next_frame(connection: ClientConnection, stall_s: float) -> bytes:
    """Return the next frame.

    Raises
    ------
    ConnectionLostError
        The connection has stalled.
    websockets.exceptions.ConnectionClosed
        It is closed.
    """
    try:
        async with asyncio.timeout(stall_s):
            return await connection.recv(decode=False)  # text that is not UTF-8 would end the connection
    except TimeoutError as error:
        raise ConnectionLostError("stalled", f"silent for {stall_s:g} s") from error


def error_name(error: InvalidStatus) -> str:
    """Return the name of the error in a refusal, as XRPC defines it; empty without one."""
    try:
        body = msgspec.json.decode(error.response.body or b"", type=dict[str, object])
    except (ValueError, RecursionError):  # of msgspec, and of UTF-8
        return ""
    return str(body.get("error", ""))


def refusal(error: InvalidStatus, options: JetstreamOptions) -> Exception:
    """Return the exception for a refused connection: lost if a later attempt may succeed, else a usage error."""
    status, body = error.response.status_code, (error.response.body or b"")[:500].decode(errors="replace")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        return ConnectionLostError("refused", f"{status} {body}")
    return UsageError(f"{options.url} answers {status} to wire {options.wire}: is it a server of that wire? {body}")


def _address(options: JetstreamOptions, cursor_us: int | None) -> str:
    """Return the address to connect to; a bare host gets the path of its wire."""
    filters: dict[str, object] = (
        {"wantedCollections": POSTS} if options.wire == 1 else {"kinds": ["commit", "account"], "collections": POSTS}
    )
    parts = urlsplit(options.url)
    path = parts.path.rstrip("/") or urlsplit(SERVERS[options.wire]).path
    parameters = filters | ({} if cursor_us is None else {"cursor": cursor_us})
    query = "&".join(filter(None, [parts.query, urlencode(parameters, doseq=True)]))
    return parts._replace(path=path, query=query).geturl()
