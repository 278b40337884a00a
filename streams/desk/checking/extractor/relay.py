"""Requests of an extractor, sent for its child process to checked addresses and within limits."""

import asyncio
import socket
from collections.abc import Iterable

import httpx
import msgspec
import structlog

from streams.desk.checking.extractor.wire import (
    LENGTH,
    MAX_ANSWER_BYTES,
    MAX_REQUEST_BYTES,
    MAX_REQUESTS,
    Answered,
    Asked,
    packed,
)
from streams.errors import RecordError

log = structlog.get_logger()

MAX_BYTES = 32 * 1024 * 1024
"""Of all answers for one page."""
TIME_S = 40.0
"""Of all requests for one page; then the extractor has what it has."""
_REQUEST_S = 10.0
_METHODS = frozenset({"GET", "HEAD", "POST"})
_HEADERS = frozenset({
    "accept", "accept-language", "authorization", "content-type", "cookie", "origin", "range", "referer", "user-agent",
})  # fmt: skip
_OF_OTHERS = ("x-forwarded-", "x-real-", "x-client-ip", "x-original-", "x-rewrite-", "x-http-method")
"""Beginnings of names by which a request claims another sender, address or method than its own."""


class Relay:
    """Requests for one page.

    Parameters
    ----------
    client
        Connects to checked addresses only, and follows no redirect: the extractor asks for that itself.
    """

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._requests_left, self._bytes_left = MAX_REQUESTS, MAX_BYTES
        self._until_s: float | None = None

    async def serve(self, pipe: socket.socket) -> None:
        """Answer requests until the child's end is closed, or breaks the protocol."""
        reader, writer = await asyncio.open_unix_connection(sock=pipe)
        try:
            while True:
                (length,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
                if length > MAX_REQUEST_BYTES:
                    return
                asked = msgspec.msgpack.decode(await reader.readexactly(length), type=Asked)
                writer.write(packed(await self.answer(asked)))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, ValueError):  # the last of msgspec, and of UTF-8
            return
        finally:
            writer.close()

    async def answer(self, asked: Asked) -> Answered:
        """Return the answer to a request, or why there is none."""
        now_s = asyncio.get_running_loop().time()
        self._until_s = self._until_s or now_s + TIME_S
        self._requests_left -= 1
        if refusal := self._refusal(asked):
            return Answered(refusal=refusal)
        try:
            async with asyncio.timeout(min(_REQUEST_S, self._until_s - now_s)):
                return await self._sent(asked)
        except TimeoutError:
            return Answered(refusal="no answer in time")
        except RecordError as error:
            log.info("request of an extractor refused", reason=error.reason)
            return Answered(refusal=error.detail)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:  # no host name, no header
            return Answered(refusal=f"no answer: {type(error).__name__}")

    def _refusal(self, asked: Asked) -> str:
        """Return why a request is not sent; empty if it is."""
        if self._requests_left < 0:
            return f"more than {MAX_REQUESTS} requests for one page"
        if self._bytes_left <= 0:
            return f"more than {MAX_BYTES} bytes for one page"
        return "" if asked.method in _METHODS else "only GET, HEAD and POST are sent"

    async def _sent(self, asked: Asked) -> Answered:
        # Not by the client's own builder, which would add the cookies that the client has seen.
        request = httpx.Request(asked.method, asked.url, headers=_passed(asked.headers), content=asked.body)
        response = await self._client.send(request, stream=True)
        body, most = bytearray(), min(MAX_ANSWER_BYTES, self._bytes_left)
        try:
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) >= most:
                    break
        finally:
            self._bytes_left -= len(body)
            await response.aclose()
        return Answered(response.status_code, response.headers.multi_items(), bytes(body[:most]))


def _passed(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the headers that are sent: those of the list, and a site's own."""
    named = [(name.lower(), value) for name, value in headers]
    return [*((name, value) for name, value in named if _is_passed(name)), ("accept-encoding", "identity")]


def _is_passed(name: str) -> bool:
    return name in _HEADERS or (name.startswith("x-") and not name.startswith(_OF_OTHERS))
