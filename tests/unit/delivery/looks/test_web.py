"""What pages prove, by status, by redirect and by what they show, compared with what they showed before."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from streams.delivery.looks.look import Finding, Look
from streams.delivery.looks.page import Seen, describe, read_page
from tests.unit.decode.served import Server, response
from tests.unit.delivery.looks.looking import answer, fetched, look_at, medium, page, post_at

VIDEO = '<meta property="og:video" content="https://cdn.example/v.mp4">'
LD = '<script type="application/ld+json">{"@context":"https://schema.org","@type": "VideoObject"}</script>'
OEMBED = '<link rel="alternate" type="application/json+oembed" href="/oembed?v=1">'
OWN = '<link rel="canonical" href="/v/1">'
TITLE = '<meta property="og:title" content="Cats"><meta property="og:description" content="dancing">'
SORRY = "<p>Sorry, this video <b>has been removed</b>.</p>"


@pytest.fixture
async def look(server: Server) -> AsyncIterator[Look]:
    async with look_at(server, "web") as look:
        yield look


async def seen(server: Server, look: Look, before: str = "") -> Finding:
    return await look.look(post_at(server.url("/v/1")), before)


@pytest.mark.parametrize(("status", "outcome", "error"), [
    ("404 Not Found", "gone", ""), ("410 Gone", "gone", ""), ("451 Unavailable", "gone", ""),
    ("401 Unauthorized", "unknown", "forbidden"), ("403 Forbidden", "unknown", "forbidden"),
    ("429 Too Many Requests", "unknown", "unexpected_status"), ("500 Oops", "unknown", "unexpected_status"),
    ("503 Busy", "unknown", "unexpected_status"), ("204 No Content", "unknown", "unexpected_status"),
    ("400 Bad Request", "unknown", "unexpected_status"), ("302 Found", "unknown", "unexpected_status"),
])  # fmt: skip
async def test_a_status(server: Server, look: Look, status: str, outcome: str, error: str) -> None:
    server.answers["/v/1"] = page(VIDEO, status=status)
    finding = await seen(server, look)
    assert (finding.outcome, finding.error, finding.status) == (outcome, error, int(status[:3]))
    assert finding.address == server.url("/v/1")
    assert finding.answer_hash is not None


@pytest.mark.parametrize(("first", "second", "outcome", "error"), [
    ((VIDEO,), (VIDEO,), "present", ""),
    ((VIDEO, LD), (LD,), "present", ""),
    (("<video src=/v>",), ("<VIDEO>",), "present", ""),
    ((VIDEO,), (SORRY,), "gone", "says_removed"),
    ((VIDEO,), ("<title>\uc0ad\uc81c\ub41c \ub3d9\uc601\uc0c1\uc785\ub2c8\ub2e4</title>",), "gone", "says_removed"),
    ((VIDEO,), (SORRY, VIDEO), "present", ""),
    ((VIDEO,), (OWN,), "gone", "medium_missing"),
    ((VIDEO,), ("<title>loading</title>",), "unknown", "medium_missing"),
    ((VIDEO,), (OWN, "<p>" + "a" * 300_000), "unknown", "page_cut"),
    ((VIDEO,), (OWN, "<audio src=/ad>"), "unknown", "medium_missing"),
    ((VIDEO,), (OWN, SORRY, '<input type="password">'), "unknown", "login_wall"),
    ((TITLE,), (TITLE,), "present", ""),
    ((TITLE,), (SORRY,), "unknown", "says_removed"),
    ((TITLE,), (TITLE, '<input type="password">'), "unknown", "no_medium_seen"),
    ((TITLE,), (OWN,), "unknown", "no_medium_seen"),
    (("",), ("",), "unknown", "no_medium_seen"),
])  # fmt: skip
async def test_a_page_is_compared_with_the_one_before(  # noqa: PLR0917
    server: Server, look: Look, first: tuple[str, ...], second: tuple[str, ...], outcome: str, error: str
) -> None:
    server.answers["/v/1"] = page(*first)
    before = await seen(server, look)
    assert before.outcome == ("present" if set(first) & {VIDEO, LD, "<video src=/v>"} else "unknown")
    server.answers["/v/1"] = page(*second)
    finding = await seen(server, look, before.detail)
    assert (finding.outcome, finding.error) == (outcome, error)


async def test_what_a_page_says_in_the_first_look_proves_nothing(server: Server, look: Look) -> None:
    """Its uploader may have titled it so."""
    server.answers["/v/1"] = page("<title>This video has been removed</title>", SORRY)
    assert (await seen(server, look)).outcome == "unknown"


@pytest.mark.parametrize(("described", "outcome", "error"), [
    (response("404 Not Found"), "gone", "oembed_gone"), (answer({"type": "video"}), "present", "oembed_only"),
    (response("401 Unauthorized"), "unknown", "medium_missing"), (b"", "unknown", "medium_missing"),
])  # fmt: skip
async def test_the_description_for_embedding_decides(
    server: Server, look: Look, described: bytes, outcome: str, error: str
) -> None:
    server.answers |= {"/v/1": page(VIDEO, OEMBED), "/oembed?v=1": described}
    before = await seen(server, look)
    server.answers["/v/1"] = page()
    finding = await seen(server, look, before.detail)
    assert (finding.outcome, finding.error) == (outcome, error)


@pytest.mark.parametrize(("target", "outcome", "error"), [
    ("/login?next=/v/1", "unknown", "redirect_login"), ("/accounts/signin", "unknown", "redirect_login"),
    ("/", "unknown", "redirect_home"), ("/v/1/", "present", ""), ("/v/2", "unknown", "redirected"),
])  # fmt: skip
async def test_a_redirect(server: Server, look: Look, target: str, outcome: str, error: str) -> None:
    server.answers["/v/1"] = page(VIDEO)
    before = await seen(server, look)
    server.answers |= {"/v/1": page(status="302 Found", Location=target), target: page(VIDEO)}
    finding = await seen(server, look, before.detail)
    assert (finding.outcome, finding.error) == (outcome, error)


@pytest.mark.parametrize("inside", ["http://127.0.0.1:9/", "http://169.254.169.254/", "http://[::ffff:10.0.0.1]/"])
async def test_a_link_inside_is_not_followed(server: Server, look: Look, inside: str) -> None:
    server.answers["/v/1"] = page(status="302 Found", Location=inside)
    finding = await seen(server, look)
    assert (finding.outcome, finding.error) == ("unknown", "link_private_address")
    assert finding.address == inside
    assert (await look.look(post_at(inside))).error == "link_private_address"


async def test_a_short_link_is_compared_at_its_target(server: Server, look: Look) -> None:
    server.answers |= {"/v/1": page(status="301 Moved", Location="/watch?v=1"), "/watch?v=1": page(VIDEO)}
    before = await seen(server, look)
    assert before.address == server.url("/watch?v=1")
    server.answers["/watch?v=1"] = page(SORRY)
    assert (await seen(server, look, before.detail)).outcome == "gone"


async def test_a_post_that_is_a_file_is_present_and_not_fetched(server: Server, look: Look) -> None:
    server.answers["/v/1"] = medium()
    finding = await seen(server, look)
    assert (finding.outcome, finding.detail) == ("present", "the address serves video/mp4")


async def test_no_medium_of_a_page_is_fetched(server: Server, look: Look) -> None:
    server.answers["/v/1"] = page(VIDEO.replace("https://cdn.example", server.url("")), "<video src=/v.mp4>")
    await seen(server, look)
    assert len(server.requests) == 1


async def test_a_page_without_end_is_cut(server: Server, look: Look) -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n{VIDEO}".encode())
        while True:
            writer.write(b"<p>" * 1000)
            await writer.drain()

    server.answers["/v/1"] = endless
    assert (await seen(server, look)).outcome == "present"
    assert fetched(server, "/v/1") == ["GET"]


@pytest.mark.parametrize("detail", ["", "nonsense", "page", "page x with og:video; text zz", "page  with og:video"])
def test_a_detail_of_no_page_holds_no_signs(detail: str) -> None:
    assert Seen.read(detail) == Seen()


def test_a_detail_holds_the_signs_of_its_page() -> None:
    found = read_page(VIDEO + LD + OEMBED + TITLE, "https://example.org/v/1")
    oembed = "https://example.org/oembed?v=1"
    expected = Seen("https://example.org/v/1", frozenset({"og:video", "json-ld video"}), oembed, found.text)
    assert found.text
    assert Seen.read(describe("https://example.org/v/1", found)) == expected
