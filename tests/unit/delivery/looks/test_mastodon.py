"""What the server of a fediverse post proves: by Mastodon's API, by ActivityPub, by the page."""

from collections.abc import AsyncIterator

import pytest

from streams.delivery.looks.look import Finding, Look
from streams.delivery.looks.make import make_look
from streams.settings import load_settings
from tests.unit.decode.served import Server, response
from tests.unit.delivery.looks.looking import answer, fetched, look_at, medium, page, post_at

PAGE = "/@someone/1001"
API = "/api/v1/statuses/1001"
VIDEO = '<meta property="og:video" content="x">'


@pytest.fixture
async def look(server: Server) -> AsyncIterator[Look]:
    async with look_at(server, "mastodon") as look:
        yield look


async def seen(server: Server, look: Look, path: str = PAGE, before: str = "") -> Finding:
    return await look.look(post_at(server.url(path)), before)


def status(server: Server) -> bytes:
    return answer({"id": "1001", "media_attachments": [{"type": "video", "url": server.url("/media/a.mp4")}]})


@pytest.mark.parametrize("path", [PAGE, "/users/someone/statuses/1001", "/web/@someone/1001", "/web/statuses/1001"])
async def test_a_status_is_present_and_its_medium_is_not_fetched(server: Server, look: Look, path: str) -> None:
    server.answers |= {API: status(server), "/media/a.mp4": medium()}
    finding = await seen(server, look, path)
    assert (finding.outcome, finding.method, finding.address) == ("present", "mastodon", server.url(API))
    assert finding.detail == f"the status is there, media {server.url('/media/a.mp4')}"
    assert not any("/media" in request for request in server.requests)


@pytest.mark.parametrize("code", ["404 Not Found", "410 Gone"])
async def test_a_status_that_the_server_does_not_have_is_gone(server: Server, look: Look, code: str) -> None:
    server.answers[API] = answer({"error": "Record not found"}, code)
    finding = await seen(server, look)
    assert (finding.outcome, finding.error, finding.status) == ("gone", "Record not found", int(code[:3]))


async def test_a_medium_that_outlives_its_status_is_named(server: Server, look: Look) -> None:
    server.answers |= {API: status(server), "/media/a.mp4": medium()}
    before = await seen(server, look)
    server.answers[API] = answer({"error": "Record not found"}, "404 Not Found")
    finding = await seen(server, look, before=before.detail)
    assert (finding.outcome, finding.error) == ("gone", "medium_still_served")
    assert fetched(server, "/media") == []
    server.answers["/media/a.mp4"] = response("404 Not Found")
    assert (await seen(server, look, before=before.detail)).error == "Record not found"


@pytest.mark.parametrize("refused", [
    answer({"error": "This API requires an authenticated user"}, "401 Unauthorized"), response("403 Forbidden"),
    page("<h1>404</h1>", status="404 Not Found"), answer({"id": "9"}), answer([]), page("hello"),
])  # fmt: skip
async def test_a_server_without_api_for_us_is_looked_at_by_its_page(server: Server, look: Look, refused: bytes) -> None:
    server.answers |= {API: refused, PAGE: page(VIDEO)}
    finding = await seen(server, look)
    assert (finding.outcome, finding.method) == ("present", "web")
    server.answers[PAGE] = page(status="404 Not Found")
    assert (await seen(server, look, before=finding.detail)).outcome == "gone"


@pytest.mark.parametrize(("thing", "outcome", "error"), [
    (answer({"type": "Tombstone"}), "gone", "Tombstone"),
    (answer({"type": "Tombstone"}, "410 Gone"), "gone", "Tombstone"),
    (answer({"type": "Note", "attachment": [{"url": "https://a.example/v.mp4"}]}), "present", ""),
    (answer({"type": "Video", "attachment": "x"}), "present", ""), (response("404 Not Found"), "gone", ""),
    (response("429 Slow down"), "unknown", "unexpected_status"), (response("500 Oops"), "unknown", "unexpected_status"),
    (answer({"type": "Person"}), "unknown", "no_medium_seen"), (response("401 No"), "unknown", "forbidden"),
])  # fmt: skip
async def test_another_server_is_asked_for_the_object(
    server: Server, look: Look, thing: bytes, outcome: str, error: str
) -> None:
    server.answers["/objects/5f3e"] = thing
    finding = await seen(server, look, "/objects/5f3e")
    assert (finding.outcome, finding.error) == (outcome, error)
    assert not any("/api/" in request for request in server.requests)


@pytest.mark.parametrize("busy", ["429 Too Many Requests", "500 Oops", "503 Busy"])
async def test_a_busy_server_is_asked_once(server: Server, look: Look, busy: str) -> None:
    server.answers[API] = response(busy)
    finding = await seen(server, look)
    assert (finding.outcome, len(server.requests)) == ("unknown", 1)


@pytest.mark.parametrize(("url", "error"), [
    ("http://169.254.169.254/@a/1", "link_private_address"), ("http://[::1]/objects/1", "link_private_address"),
    ("gopher://a.example/@a/1", "link_scheme"), ("", "link_scheme"), ("http://a:b/", "link_malformed"),
])  # fmt: skip
async def test_an_address_that_is_not_asked(look: Look, url: str, error: str) -> None:
    finding = await look.look(post_at(url))
    assert (finding.outcome, finding.error) == ("unknown", error)


async def test_there_is_no_look_where_nothing_can_be_looked_at() -> None:
    assert make_look("none", load_settings()) is None


async def test_a_malformed_address_proves_nothing(look: Look) -> None:
    assert (await look.look(post_at("http://["))).outcome == "unknown"
