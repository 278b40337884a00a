"""The client of the delivery: what it refuses to reach, and how much it reads at most."""

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256
from ssl import PROTOCOL_TLS_SERVER, SSLContext

import httpx
import pytest

from streams.delivery.settings import DeliverySettings
from streams.delivery.web_client import MAX_BYTES, NoReply, Reply, ask, checked_client, plain
from streams.settings import load_settings
from tests.support.deadline import DEADLINE_S
from tests.unit.decode.served import Server, response


def client_of(server: Server) -> httpx.AsyncClient:
    delivery = DeliverySettings(allowed_hosts=(f"127.0.0.1:{server.port}",))
    return checked_client(load_settings(delivery=delivery))


@pytest.fixture
async def client(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(server) as client:
        yield client


async def get(client: httpx.AsyncClient, url: str, timeout_s: float = DEADLINE_S) -> Reply:
    return await ask(client, "GET", url, timeout_s=timeout_s)


async def error_of(client: httpx.AsyncClient, url: str, timeout_s: float = DEADLINE_S) -> str:
    with pytest.raises(NoReply) as none:
        await get(client, url, timeout_s)
    return none.value.error


def text(status: str = "200 OK", body: bytes = b"", **headers: object) -> bytes:
    return response(status, body, Content_Type="text/html", **headers)


async def test_an_answer_has_its_address_status_and_digest(server: Server, client: httpx.AsyncClient) -> None:
    server.answers["/post?id=1"] = text("410 Gone", b"gone")
    reply = await get(client, server.url("/post?id=1#top", host="a:b@127.0.0.1"))
    assert (reply.address, reply.status, reply.body, reply.whole) == (server.url("/post?id=1"), 410, b"gone", True)
    assert reply.digest == sha256(b"gone").digest()


@pytest.mark.parametrize("inside", [
    "http://127.0.0.1:1/", "http://169.254.169.254/latest/meta-data/", "http://[::ffff:10.0.0.1]/", "http://localhost/",
    "http://0x7f.1/", "http://[::1]/", "http://192.168.0.1/",
])  # fmt: skip
async def test_no_redirect_leads_inside(server: Server, client: httpx.AsyncClient, inside: str) -> None:
    server.answers["/post"] = text("302 Found", Location=inside)
    assert await error_of(client, server.url("/post")) == "link_private_address"
    assert await error_of(client, inside) == "link_private_address"


async def test_redirects_are_followed_five_times(server: Server, client: httpx.AsyncClient) -> None:
    for n in range(6):
        server.answers[f"/{n}"] = text("302 Found", Location=f"/{n + 1}")
    server.answers["/6"] = text(body=b"page")
    assert await error_of(client, server.url("/0")) == "redirect_loop"
    assert (await get(client, server.url("/1"))).address == server.url("/6")


async def test_a_redirect_of_another_method_is_its_answer(server: Server, client: httpx.AsyncClient) -> None:
    server.answers["/reports"] = text("302 Found", Location="/login")
    reply = await ask(client, "POST", server.url("/reports"), timeout_s=DEADLINE_S, json={})
    assert reply.status == 302
    assert len(server.requests) == 1


async def test_an_endless_body_is_cut(server: Server, client: httpx.AsyncClient) -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
        while True:
            writer.write(b"a" * 10_000)
            await writer.drain()

    server.answers["/post"] = endless
    reply = await get(client, server.url("/post"))
    assert (reply.body, reply.whole) == (b"a" * MAX_BYTES, False)


async def test_a_body_that_trickles_ends_at_the_time_limit(server: Server, client: httpx.AsyncClient) -> None:
    async def trickle(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
        while True:
            writer.write(b"a")
            await writer.drain()
            await asyncio.sleep(0.01)

    server.answers["/post"] = trickle
    assert await error_of(client, server.url("/post"), timeout_s=0.3) == "timeout"


@pytest.mark.parametrize("kind", ["video/mp4", "image/jpeg", "application/octet-stream", None])
async def test_no_byte_of_a_medium_is_read(server: Server, client: httpx.AsyncClient, kind: str | None) -> None:
    headers = {"Content_Type": kind} if kind else {}
    server.answers["/clip"] = response(body=b"medium", **headers)
    reply = await get(client, server.url("/clip"))
    assert (reply.status, reply.body, reply.whole) == (200, b"", False)


@pytest.mark.parametrize(("answer", "error"), [
    (b"SSH-2.0-OpenSSH_9.6\r\n", "unavailable"), (b"", "unavailable"),
    (response(Content_Length=900, Content_Type="text/html") + b"half", "unavailable"),
    (text("302 Found", Location="ftp://example.org/"), "link_scheme"),
    (text("302 Found", Location="http://[::1/"), "unavailable"),
])  # fmt: skip
async def test_nonsense_is_no_reply(server: Server, client: httpx.AsyncClient, answer: bytes, error: str) -> None:
    server.answers["/post"] = answer
    assert await error_of(client, server.url("/post")) == error


@pytest.mark.parametrize(("link", "error"), [
    ("no link", "link_scheme"), ("http://a:b/", "link_malformed"), ("http://a\u2024\u2024.example/", "link_malformed"),
    ("file:///etc/passwd", "link_scheme"), ("http://nowhere.invalid/", "link_unavailable"),
])  # fmt: skip
async def test_a_link_that_is_none_is_no_reply(client: httpx.AsyncClient, link: str, error: str) -> None:
    assert await error_of(client, link) == error


async def test_an_error_of_tls_is_named() -> None:
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=SSLContext(PROTOCOL_TLS_SERVER)) as none:
        port = none.sockets[0].getsockname()[1]
        async with checked_client(load_settings(delivery=DeliverySettings(allowed_hosts=("127.0.0.1",)))) as client:
            assert await error_of(client, f"https://127.0.0.1:{port}/") == "tls"


async def test_a_proxy_of_the_environment_is_ignored(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.url(""))
    async with client_of(server) as client:
        assert await error_of(client, "http://10.0.0.1/") == "link_private_address"
    assert server.requests == []


def test_an_address_in_evidence_has_no_credentials() -> None:
    assert plain("https://user:secret@example.org/a?b=1#c") == "https://example.org/a?b=1"
    assert plain("https://user:secret@host:port/") == "host:port/"
