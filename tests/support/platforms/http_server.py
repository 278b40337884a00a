"""Local HTTP server that behaves like a platform's, and fails in every way that a test asks for.

Failures: an HTTP status, or one of

- timeout: the request is read and never answered
- reset: the request is read, and the connection reset
- lost_answer: the request is processed, and the connection reset before its answer, so that a repeat is a duplicate
- half_answer: the answer's headers promise more than is sent
- nonsense: 200 with a page in place of the answer
- empty: 200 without a body
- slow_body: the body arrives a byte at a time, without end
- endless: the body has no end
- rate_limit, rate_limit_date: 429 with Retry-After in seconds or as a date
- unavailable: 503 with Retry-After
- redirect: 307 to another path
- echo: 400 whose error repeats the request with all its headers
"""

import asyncio
import json
import ssl
from collections import defaultdict, deque
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, ClassVar, NamedTuple, Self
from urllib.parse import parse_qs, urlsplit

from tests.support.platforms.certificates import server_tls

FAILURES = (
    "timeout", "reset", "lost_answer", "half_answer", "nonsense", "empty", "slow_body", "endless", "rate_limit",
    "rate_limit_date", "unavailable", "redirect", "echo", 400, 401, 403, 404, 409, 410, 413, 422, 451, 500, 502, 504,
)  # fmt: skip
"""All that every HTTP channel is tested with."""
RETRY_AFTER_S = 120
_PAGE = b"<!doctype html><title>Log in</title>"


class Request(NamedTuple):
    """A received request."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    """By name in lower case."""
    body: bytes
    target: str

    def json(self) -> Any:
        return json.loads(self.body)

    def form(self) -> dict[str, list[str]]:
        return parse_qs(self.body.decode())


class Response(NamedTuple):
    """An answer."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed


def reply(value: object, status: int = 200) -> Response:
    return Response(status, json.dumps(value).encode(), {"Content-Type": "application/json"})


class LocalServer:
    """One server; use it as a context manager.

    Parameters
    ----------
    tls
        Serve HTTPS with a certificate that no authority has signed.
    """

    main: ClassVar[str] = "/"
    """Path that notices go to, and that fails by default."""

    def __init__(self, *, tls: bool = False) -> None:
        self._tls: ssl.SSLContext | None = server_tls() if tls else None
        self.url = ""
        self.requests: list[Request] = []
        self.n_connections = 0
        self._failures: dict[str, deque[str | int]] = defaultdict(deque)
        self._open: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls)
        host, port = self._listener.sockets[0].getsockname()[:2]
        self.url = f"{'https' if self._tls else 'http'}://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._listener is not None
        self._listener.close()
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def fail_next(self, failure: str | int, *, times: int = 1, path: str | None = None) -> None:
        """Fail the next requests to a path, by default those of notices."""
        self._failures[path or self.main].extend([failure] * times)

    def will_fail(self, path: str) -> bool:
        """Return whether the next request to a path fails."""
        return bool(self._failures[path])

    def stop_failing(self) -> None:
        """Fail no more requests."""
        self._failures.clear()

    def answer(self, request: Request) -> Response:
        """Return the answer of the real service."""
        raise NotImplementedError

    def count(self, path: str | None = None) -> int:
        """Return the number of requests to a path."""
        return sum(request.path == (path or self.main) for request in self.requests)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.n_connections += 1
        task = asyncio.create_task(self._serve(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await _read(reader)
            self.requests.append(request)
            failures = self._failures[request.path]
            if failures:
                await self._fail(failures.popleft(), request, writer)
            else:
                await _write(writer, self.answer(request))
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass  # the client closed the connection
        finally:
            with suppress(ConnectionError, ssl.SSLError):
                writer.close()

    async def _fail(self, failure: str | int, request: Request, writer: asyncio.StreamWriter) -> None:
        match failure:
            case int():
                await _write(writer, reply({"error": f"Refused{failure}", "message": "no"}, failure))
            case "timeout":
                await asyncio.Event().wait()
            case "reset" | "lost_answer":
                if failure == "lost_answer":
                    self.answer(request)
                writer.transport.abort()
            case "half_answer":
                writer.write(
                    b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"id": 1'
                )
                await writer.drain()
            case "slow_body" | "endless":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
                await _write_without_end(writer, slow=failure == "slow_body")
            case _:
                await _write(writer, _failed(failure, request))


def _failed(failure: str, request: Request) -> Response:  # noqa: PLR0911 - one for each failure
    match failure:
        case "nonsense":
            return Response(200, _PAGE, {"Content-Type": "text/html"})
        case "empty":
            return Response(200)
        case "rate_limit":
            return Response(429, headers={"Retry-After": str(RETRY_AFTER_S)})
        case "rate_limit_date":
            until = datetime.now(UTC) + timedelta(seconds=RETRY_AFTER_S)
            return Response(429, headers={"Retry-After": format_datetime(until, usegmt=True)})
        case "unavailable":
            return Response(503, headers={"Retry-After": str(RETRY_AFTER_S)})
        case "redirect":
            return Response(307, headers={"Location": "/elsewhere"})
        case "echo":
            shown = f"{request.target} {request.headers} {request.body.decode(errors='replace')}"
            return reply({"error": shown, "message": shown, "detail": shown, "id": shown}, 400)
        case _:
            raise ValueError(failure)


async def _write_without_end(writer: asyncio.StreamWriter, *, slow: bool) -> None:
    while True:
        writer.write(b" " if slow else b" " * 16_384)
        await writer.drain()
        await asyncio.sleep(0.01 if slow else 0)


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    parts = urlsplit(target)
    return Request(method, parts.path, parse_qs(parts.query), headers, body, target)


async def _write(writer: asyncio.StreamWriter, response: Response) -> None:
    headers = {"Content-Length": str(len(response.body)), "Connection": "close", **response.headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"HTTP/1.1 {response.status} Status\r\n{lines}\r\n".encode() + response.body)
    await writer.drain()
