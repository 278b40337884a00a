"""Looks at a test's server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import msgspec

from schemas.messages import PostRef
from streams.delivery.looks.look import Look
from streams.delivery.looks.make import make_look
from streams.delivery.settings import DeliverySettings
from streams.settings import load_settings
from tests.unit.decode.served import Server, response


@asynccontextmanager
async def look_at(server: Server, method: str) -> AsyncIterator[Look]:
    """Yield a look that may reach the server, which is its resolver too."""
    delivery = DeliverySettings(allowed_hosts=(f"127.0.0.1:{server.port}",), plc_directory=server.url("/plc"))
    look = make_look(method, load_settings(delivery=delivery))
    assert look is not None
    try:
        yield look
    finally:
        await look.close()


def post_at(url: str) -> PostRef:
    now = datetime.now(UTC)
    return PostRef(post_id="p", platform="x", url=url, published_at=now, seen_at=now)


def page(*parts: str, status: str = "200 OK", **headers: object) -> bytes:
    """Return a page."""
    body = f"<!DOCTYPE html><html><head>{''.join(parts)}</head></html>".encode()
    return response(status, body, **{"Content_Type": "text/html; charset=utf-8"} | headers)


def answer(value: object, status: str = "200 OK") -> bytes:
    """Return a JSON answer."""
    return response(status, msgspec.json.encode(value), Content_Type="application/json")


def medium(length: int = 1000) -> bytes:
    """Return a medium."""
    return response(body=b"v" * length, Content_Type="video/mp4")


def fetched(server: Server, part: str) -> list[str]:
    """Return the methods of the requests whose path contains a part and that ask for a whole body."""
    found = [one for one in server.requests if part in one.split()[1] and "range: bytes=0-0" not in one.lower()]
    return [one.split()[0] for one in found if not one.startswith("HEAD")]
