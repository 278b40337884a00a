"""A Mastodon server as a client meets it: its stream by server-sent events or WebSocket, and its timeline by page."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Literal
from urllib.parse import urlencode

import httpx
import msgspec
import structlog
from httpx_sse import SSEError, aconnect_sse
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from streams.errors import UsageError
from streams.feeds.connection import LostError
from streams.feeds.mastodon.wire import BROKEN, Told

log = structlog.get_logger()

_CONNECT_S = 10.0
_PAGE = 40
_LONGEST_WAIT_S = 600.0
_MAX_FRAME_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Stream:
    """One of the streams, as the API names it in three places."""

    name: str
    """Such as public:remote:media."""
    tag: str | None = None

    @property
    def parameters(self) -> dict[str, str]:
        """Of the WebSocket."""
        return {"stream": self.name} | ({"tag": self.tag} if self.tag else {})

    @property
    def sse(self) -> tuple[str, dict[str, str]]:
        """Path and parameters of its server-sent events."""
        words = self.name.split(":")
        path = "/".join(word for word in words if word != "media")
        media = {"only_media": "true"} if "media" in words else {}
        return f"/api/v1/streaming/{path}", media | ({"tag": self.tag} if self.tag else {})

    @property
    def timeline(self) -> tuple[str, dict[str, str]]:
        """Path and parameters of the pages that hold the same posts."""
        first, *rest = self.name.split(":")
        names = {"local": "local", "remote": "remote", "media": "only_media"}
        path = {"user": "home", "hashtag": f"tag/{self.tag}"}.get(first, first)
        return f"/api/v1/timelines/{path}", {names[word]: "true" for word in rest}


STREAMS = (
    *(f"public{where}{what}" for where in ("", ":local", ":remote") for what in ("", ":media")),
    *("user", "hashtag", "hashtag:local"),
)


class Server:
    """A Mastodon server and one of its streams.

    Parameters
    ----------
    url
        Of the server.
    stream
        What to listen to.
    token
        Of a user; public streams need one too.
    via
        How.
    stall_s
        Longest silence; a server sends a sign of life every 15 s.
    """

    def __init__(self, url: str, stream: Stream, token: str, via: Literal["sse", "websocket"], stall_s: float) -> None:
        self.url = url
        self._stream = stream
        self._via = via
        self._stall_s = stall_s
        self._headers = {"User-Agent": "jikimi"} | ({"Authorization": f"Bearer {token}"} if token else {})
        self._client = httpx.AsyncClient(
            headers=self._headers, timeout=httpx.Timeout(_CONNECT_S, read=stall_s), follow_redirects=True
        )

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[AsyncGenerator[Told]]:
        """Give the events of the stream, from now on.

        Raises
        ------
        LostError
            There, or while they are read: the connection is gone.
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
            raise LostError("stalled" if stalled else "cut", str(error) or type(error).__name__) from error
        except InvalidStatus as error:
            raise self._refusal(error.response.status_code, bytes(error.response.body or b"")) from error
        except (OSError, InvalidHandshake) as error:
            raise LostError("unreachable", str(error) or type(error).__name__) from error
        except (httpx.InvalidURL, InvalidURI) as error:
            raise UsageError(f"{self.url} is no address of a server: {error}") from error
        except ConnectionClosed as error:
            stalled = error.sent is not None and error.rcvd is None
            raise LostError("stalled" if stalled else "cut", str(error)) from error

    async def page(self, since: str) -> list[str]:
        """Return the JSON of the posts next after an id, newest first.

        Raises
        ------
        LostError, UsageError
            As `connected` does.
        """
        path, parameters = self._stream.timeline
        response = await self._get(self.url + path, parameters | {"min_id": since, "limit": str(_PAGE)})
        try:
            return [bytes(status).decode() for status in msgspec.json.decode(response, type=list[msgspec.Raw])]
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise LostError("cut", f"{path} answers no list: {error}") from error

    async def _get(self, url: str, parameters: dict[str, str]) -> bytes:
        while True:
            response = await self._client.get(url, params=parameters)
            if response.status_code == HTTPStatus.OK:
                return response.content
            if response.status_code != HTTPStatus.TOO_MANY_REQUESTS:
                raise self._refusal(response.status_code, response.content)
            pause_s = _until(response.headers.get("X-RateLimit-Reset", ""))
            log.warning("asked too often", server=self.url, again_in_s=round(pause_s))
            await asyncio.sleep(pause_s)

    async def _streaming_url(self) -> str:
        """Return where the streams are: large servers have a host of its own for them."""
        try:
            told = msgspec.json.decode(await self._get(f"{self.url}/api/v2/instance", {}), type=_Instance)
        except msgspec.MsgspecError as error:
            raise LostError("cut", f"{self.url} does not say where its streams are: {error}") from error
        return told.configuration.urls.streaming.rstrip("/") or self.url

    @asynccontextmanager
    async def _sse(self, base: str) -> AsyncIterator[AsyncGenerator[Told]]:
        path, parameters = self._stream.sse
        address = _with_scheme(base, "http") + path
        async with aconnect_sse(self._client, "GET", address, params=parameters) as source:
            if source.response.status_code != HTTPStatus.OK:
                raise self._refusal(source.response.status_code, await source.response.aread())

            async def events() -> AsyncGenerator[Told]:
                async for event in source.aiter_sse():
                    yield Told(event.event, event.data)

            yield events()

    @asynccontextmanager
    async def _websocket(self, base: str) -> AsyncIterator[AsyncGenerator[Told]]:
        address = f"{_with_scheme(base, 'ws')}/api/v1/streaming?{urlencode(self._stream.parameters)}"
        alive_s = self._stall_s / 2
        async with connect(
            address,
            additional_headers=self._headers,
            user_agent_header=None,
            max_size=_MAX_FRAME_BYTES,
            ping_interval=alive_s,
            ping_timeout=alive_s,
            close_timeout=1,
        ) as connection:

            async def events() -> AsyncGenerator[Told]:
                async for frame in connection:
                    yield _unwrapped(frame)

            yield events()

    def _refusal(self, status: int, body: bytes) -> Exception:
        said = f"{self.url} answers {status}: {body[:300].decode(errors='replace')}"
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.UNPROCESSABLE_ENTITY}:
            return UsageError(f"{said}; set JIKIMI_MASTODON_TOKEN to a user's token with the scope read:statuses")
        if status == HTTPStatus.NOT_FOUND:
            return UsageError(f"{said}; is it a Mastodon server?")
        return LostError("refused", said)


class _Urls(msgspec.Struct, frozen=True):
    streaming: str = ""


class _Configuration(msgspec.Struct, frozen=True):
    urls: _Urls = _Urls()


class _Instance(msgspec.Struct, frozen=True):
    configuration: _Configuration = _Configuration()


class _Envelope(msgspec.Struct, frozen=True):
    event: str
    payload: str = ""


def _unwrapped(frame: str | bytes) -> Told:
    """Return the event in a WebSocket's frame, whose payload is JSON in a string; a broken frame stays as it is."""
    try:
        envelope = msgspec.json.decode(frame, type=_Envelope)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Told(BROKEN, frame if isinstance(frame, str) else frame.decode(errors="backslashreplace"))
    return Told(envelope.event, envelope.payload)


def _with_scheme(url: str, scheme: str) -> str:
    """Return the same address for http or ws, secure if it was."""
    old, _, rest = url.partition("://")
    return f"{scheme}{'s' if old in {'https', 'wss'} else ''}://{rest}"


def _until(reset: str) -> float:
    """Return how long to wait until a time, seconds."""
    try:
        left_s = (datetime.fromisoformat(reset) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return 60.0
    return min(max(left_s, 1.0), _LONGEST_WAIT_S)
