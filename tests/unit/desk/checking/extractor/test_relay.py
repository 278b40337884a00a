"""Requests as the parent sends them for an extractor."""

import socket
from collections.abc import AsyncIterator

import msgspec
import pytest

from streams.desk.checking.extractor.relay import Relay
from streams.desk.checking.extractor.wire import LENGTH, Asked
from streams.links.addresses import AddressPolicy
from streams.links.client import guarded_client
from tests.support.platforms.http_server import Response
from tests.unit.desk.checking.trouble import Site


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with Site() as running:
        yield running


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    policy = AddressPolicy(["127.0.0.1"])
    async with guarded_client(policy, timeout_s=10.0, max_connections=1) as client:
        yield Relay(client)


async def test_a_body_and_the_headers_of_the_list_are_sent_and_no_others(relay: Relay, site: Site) -> None:
    passed = {"content-type": "application/json", "cookie": "a=1", "x-guest-token": "7", "user-agent": "a browser"}
    left_out = {"X-Forwarded-For": "1.2.3.4", "Transfer-Encoding": "chunked", "Via": "x", "Accept-Encoding": "br"}
    asked = Asked("POST", f"{site.url}/og", [*passed.items(), *left_out.items(), ("Host", "inside")], b'{"q": 1}')
    assert (await relay.answer(asked)).status == 200
    (request,) = site.requests
    assert (request.method, request.body) == ("POST", b'{"q": 1}')
    added = {"host": site.url.removeprefix("http://"), "content-length": "8", "accept-encoding": "identity"}
    assert request.headers == {**passed, **added}


async def test_a_redirect_is_not_followed_and_cookies_are_not_kept(relay: Relay, site: Site) -> None:
    site.pages["/to-og"] = Response(302, headers={"Location": "/og", "Set-Cookie": "secret=1"})
    answered = await relay.answer(Asked("GET", f"{site.url}/to-og"))
    assert (answered.status, dict(answered.headers)["location"]) == (302, "/og")
    await relay.answer(Asked("GET", f"{site.url}/og"))
    assert "cookie" not in site.requests[-1].headers


@pytest.mark.parametrize("method", ["PUT", "DELETE", "CONNECT", "get"])
async def test_other_methods_are_not_sent(relay: Relay, site: Site, method: str) -> None:
    assert (await relay.answer(Asked(method, f"{site.url}/og"))).refusal == "only GET, HEAD and POST are sent"
    assert site.requests == []


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/", "http://", "data:text/plain,x", "http://[/"])
async def test_what_is_no_address_of_the_web_has_no_answer(relay: Relay, url: str) -> None:
    assert (await relay.answer(Asked("GET", url))).refusal


async def test_a_header_that_would_begin_another_request_is_refused(relay: Relay, site: Site) -> None:
    smuggled = [("x-a", "1\r\n\r\nGET /inside HTTP/1.1")]
    assert (await relay.answer(Asked("GET", f"{site.url}/og", smuggled))).refusal.startswith("no answer")
    assert site.requests == []


async def test_a_request_that_is_no_utf_8_ends_the_conversation(relay: Relay) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        body = msgspec.msgpack.encode(Asked("GET", "http://xx/")).replace(b"xx", b"\xff\xfe")
        theirs.sendall(LENGTH.pack(len(body)) + body)
        await relay.serve(ours)
