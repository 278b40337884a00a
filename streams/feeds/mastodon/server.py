"""Client of a Mastodon server: a stream by server-sent events or WebSocket, and its timeline by page."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Literal
from urllib.parse import urlencode

import httpx
import msgspec
import structlog
from httpx_sse import SSEError, aconnect_sse
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK, InvalidHandshake, InvalidStatus, InvalidURI

from streams.errors import UsageError
from streams.feeds.connection import ConnectionLostError
from streams.feeds.entry_error import EntryError
from streams.feeds.fields import Fields
from streams.feeds.json_text import read_json
from streams.feeds.mastodon.stream import Stream
from streams.feeds.mastodon.wire import MALFORMED, StreamEvent
from streams.feeds.notes import Notes
from streams.secrets.redaction import masked

log = structlog.get_logger()

_CONNECT_TIMEOUT_S = 10.0
_PAGE_SIZE = 40
_DEFAULT_RATE_LIMIT_PAUSE_S = 60.0
_MAX_RATE_LIMIT_PAUSE_S = 600.0
_MAX_FRAME_BYTES = 4 * 1024 * 1024


class Server:
    """A Mastodon server and one of its streams.

    Parameters
    ----------
    url
        Of the server.
    stream
        The stream to follow.
    token
        Of a user; public streams need one too.
    via
        Transport of the stream.
    stall_s
        Longest silence before the connection counts as stalled; a server sends a heartbeat every 15 s.
    """

    def __init__(self, url: str, stream: Stream, token: str, via: Literal["sse", "websocket"], stall_s: float) -> None:
        self.url = url
        self._stream = stream
        self._via = via
        self._stall_s = stall_s
        self._headers = {"User-Agent": "jikimi"} | ({"Authorization": f"Bearer {token}"} if token else {})
        self._client = httpx.AsyncClient(
            headers=self._headers, timeout=httpx.Timeout(_CONNECT_TIMEOUT_S, read=stall_s), follow_redirects=True
        )

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncGenerator[StreamEvent]]:
        """Connect to the stream; the value is its events from now on.

        Raises
        ------
        ConnectionLostError
            The connection fails, or is lost while events are read.
        UsageError
            The server refuses.
        """
        try:
            base = await self._streaming_url()
            opened = self._sse(base) if self._via == "sse" else self._websocket(base)
            async with opened as events, aclosing(events):
                yield events
        except (httpx.HTTPError, SSEError) as error:
            stalled = isinstance(error, httpx.ReadTimeout)
            raise ConnectionLostError("stalled" if stalled else "cut", str(error) or type(error).__name__) from error
        except InvalidStatus as error:
            raise self._refusal(error.response.status_code, bytes(error.response.body or b"")) from error
        except (OSError, InvalidHandshake) as error:
            raise ConnectionLostError("unreachable", str(error) or type(error).__name__) from error
        except (httpx.InvalidURL, InvalidURI) as error:
            raise UsageError(f"{self.url} is not an address of a server: {error}") from error
        except ConnectionClosed as error:
            stalled = error.sent is not None and error.rcvd is None
            raise ConnectionLostError("stalled" if stalled else "cut", str(error)) from error

    async def page(self, since: str) -> list[str]:
        """Return the JSON of the next posts after an id, newest first.

        Raises
        ------
        ConnectionLostError, UsageError
            As in `connect`.
        """
        path, parameters = self._stream.timeline
        response = await self._get(self.url + path, parameters | {"min_id": since, "limit": str(_PAGE_SIZE)})
        try:
            return _statuses(response)
        except EntryError as error:
            raise ConnectionLostError("cut", f"{path} does not answer with a list: {error}") from error

    async def _get(self, url: str, parameters: dict[str, str]) -> bytes:
        while True:
            response = await self._client.get(url, params=parameters)
            if response.status_code == HTTPStatus.OK:
                return response.content
            if response.status_code != HTTPStatus.TOO_MANY_REQUESTS:
                raise self._refusal(response.status_code, response.content)
            pause_s = _rate_limit_pause_s(response.headers.get("X-RateLimit-Reset", ""))
            log.warning("rate limited", server=self.url, again_in_s=round(pause_s))
            await asyncio.sleep(pause_s)

    async def _streaming_url(self) -> str:
        """Return the address of the streams: large servers have a separate host for them."""
        notes = Notes()
        try:
            instance = Fields(read_json(await self._get(f"{self.url}/api/v2/instance", {}), notes), notes)
        except EntryError as error:
            raise ConnectionLostError("cut", f"{self.url} does not give the address of its streams: {error}") from error
        return instance.within("configuration").within("urls").text("streaming").rstrip("/") or self.url

    @asynccontextmanager
    async def _sse(self, base: str) -> AsyncIterator[AsyncGenerator[StreamEvent]]:
        path, parameters = self._stream.sse
        address = _with_scheme(base, "http") + path
        async with aconnect_sse(self._client, "GET", address, params=parameters) as source:
            if source.response.status_code != HTTPStatus.OK:
                raise self._refusal(source.response.status_code, await source.response.aread())

            async def events() -> AsyncGenerator[StreamEvent]:
                async for event in source.aiter_sse():
                    yield StreamEvent(event.event, event.data)

            yield events()

    @asynccontextmanager
    async def _websocket(self, base: str) -> AsyncIterator[AsyncGenerator[StreamEvent]]:
        address = f"{_with_scheme(base, 'ws')}/api/v1/streaming?{urlencode(self._stream.parameters)}"
        ping_s = self._stall_s / 2
        async with connect(
            address,
            additional_headers=self._headers,
            user_agent_header=None,
            max_size=_MAX_FRAME_BYTES,
            ping_interval=ping_s,
            ping_timeout=ping_s,
            close_timeout=1,
        ) as connection:

            async def events() -> AsyncGenerator[StreamEvent]:
                with suppress(ConnectionClosedOK):
                    while True:
                        # Not decoded: text that is not UTF-8 would end the connection, and again after the next one.
                        yield _parse_frame(await connection.recv(decode=False))

            yield events()

    def _refusal(self, status: int, body: bytes) -> Exception:
        answer = f"{self.url} answers {status}: {masked(body.decode(errors='replace'))[:300]}"
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.UNPROCESSABLE_ENTITY}:
            return UsageError(f"{answer}; set JIKIMI_MASTODON_TOKEN to a user's token with the scope read:statuses")
        if status == HTTPStatus.NOT_FOUND:
            return UsageError(f"{answer}; is it a Mastodon server?")
        return ConnectionLostError("refused", answer)


def _statuses(page: bytes) -> list[str]:
    """Return the JSON of each status of a page: as it is, unless the page had to be repaired."""
    try:
        return [bytes(status).decode() for status in msgspec.json.decode(page, type=list[msgspec.Raw])]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        if not isinstance(statuses := read_json(page, Notes()), list):
            raise EntryError("not a list") from None
        return [msgspec.json.encode(status).decode() for status in statuses]


def _parse_frame(frame: bytes) -> StreamEvent:
    """Return the event in a WebSocket frame, whose payload is JSON in a string; a malformed frame is the payload."""
    notes = Notes()
    try:
        envelope = Fields(read_json(frame, notes), notes)
        payload = envelope.raw("payload")
        text = payload if isinstance(payload, str) else "" if payload is None else msgspec.json.encode(payload).decode()
        return StreamEvent(envelope.id("event"), text)
    except EntryError:
        return StreamEvent(MALFORMED, frame.decode(errors="backslashreplace"))


def _with_scheme(url: str, scheme: str) -> str:
    """Return the address with the scheme http or ws, with TLS if it had TLS before."""
    old, _, rest = url.partition("://")
    return f"{scheme}{'s' if old in {'https', 'wss'} else ''}://{rest}"


def _rate_limit_pause_s(reset: str) -> float:
    """Return the pause until the time of a rate-limit header, seconds."""
    try:
        left_s = (datetime.fromisoformat(reset) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return _DEFAULT_RATE_LIMIT_PAUSE_S
    return min(max(left_s, 1.0), _MAX_RATE_LIMIT_PAUSE_S)
