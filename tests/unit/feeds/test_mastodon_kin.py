"""Statuses as Mastodon, its forks and other servers with its interface write them."""

import json
from typing import Any, cast

import pytest

from schemas.messages import DeadLetter, Medium, Post
from streams.feeds.mastodon.feed import MastodonFeed
from streams.feeds.mastodon.html import Html
from streams.feeds.mastodon.recent_posts import RecentPosts
from streams.feeds.mastodon.server import Server, _parse_frame, _statuses
from streams.feeds.mastodon.wire import MALFORMED, StreamEvent
from tests.unit.feeds.made import NEW

STATUS: dict[str, Any] = {
    "id": "110", "uri": "https://o.example/users/a/statuses/1", "url": "https://o.example/@a/1", "content": "<p>hi</p>",
    "created_at": "2026-01-01T00:00:00.000Z", "account": {"id": "1", "url": "https://o.example/@a"},
}  # fmt: skip
QUOTED = STATUS | {"id": "7", "uri": "https://q.example/7", "url": None, "content": "<p>quoted</p>",
                   "media_attachments": [{"type": "video", "url": "https://f.example/7.mp4"}]}  # fmt: skip
LINK = (
    '<a href="https://e.example/very/long"><span class="invisible">https://</span>'
    '<span class="ellipsis">e.example/very</span><span class="invisible">/long</span></a>'
)


class Masto:
    url = "https://masto.example"


def feed() -> MastodonFeed:
    return MastodonFeed(cast("Server", Masto()), NEW)


def records(**changes: Any) -> list[Any]:
    return list(feed()._batch(StreamEvent("update", json.dumps(STATUS | changes))).records)


def post(**changes: Any) -> Post:
    (found,) = records(**changes)
    assert isinstance(found, Post), found
    return found


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<h1>leak</h1><p>Jane Roe</p>", "leak\n\nJane Roe"),
        ("<ul><li>one</li><li>two</li></ul>three", "one\ntwo\n\nthree"),
        ("<div>a</div><div>b</div>", "a\n\nb"),
        ("<table><tr><td>Jane</td><td>Roe</td></tr><tr><td>x</td></tr></table>", "Jane\tRoe\nx"),
        ("<dl><dt>a</dt><dd>b</dd></dl>", "a\nb"),
        ("a<br><br>b", "a\n\nb"),
        ("<p>a</p>\n\n<p>b</p>", "a\n\nb"),
        ("Jane <b>R</b>oe", "Jane Roe"),
        ("x<script>evil()</script><style>p{}</style>y", "xy"),
        ("a&nbsp;b &amp; &#51;", "a\xa0b & 3"),
        ("<blockquote>q</blockquote>a<hr>b", "q\n\na\nb"),
        (LINK, "https://e.example/very/long"),
    ],
)
def test_blocks_keep_words_apart_and_inline_elements_do_not(html: str, text: str) -> None:
    assert Html(html).text == text


def test_addresses_behind_words_are_read_and_those_of_mentions_are_not() -> None:
    html = (
        '<a href="https://t.me/+x">look</a> <a href="https://e.example">https://e.example</a>'
        '<a class="u-url mention" href="https://o.example/@b">@b</a><a href="https://o.example/tags/t" '
        'class="hashtag">#t</a>'
    )
    assert Html(html).caption.split("\n\n")[1:] == ["https://t.me/+x"]


def test_pictures_and_films_in_the_html_are_media() -> None:
    found = post(
        content='<img src="https://f.example/1.jpg" alt="one"><img class="emoji" src="https://f.example/e.png">'
        '<video><source src="https://f.example/2.mp4"></video><img src="data:image/png;base64,xx">'
    )
    assert found.media == [
        Medium(url="https://f.example/1.jpg", kind="image", alt="one"),
        Medium(url="https://f.example/2.mp4"),
    ]


def test_a_card_is_read_with_its_picture() -> None:
    card: dict[str, Any] = {
        "url": "https://tube.example/w/1", "title": "Jane Roe", "description": "<p>the<br>film</p>", "type": "video",
        "author_name": "them", "authors": [{"name": "her", "url": ""}], "provider_name": "PeerTube",
        "embed_url": "https://tube.example/videos/embed/1", "image": "https://f.example/card.jpg",
        "image_description": "a picture",
    }  # fmt: skip
    found = post(card=card)
    for words in ("Jane Roe", "the\nfilm", "them", "her", card["url"], card["embed_url"]):
        assert words in found.caption
    assert found.media == [Medium(url="https://f.example/card.jpg", kind="image", alt="a picture")]


@pytest.mark.parametrize(
    "quote",
    [
        {"quote": {"state": "accepted", "quoted_status": QUOTED}},
        {"quote": QUOTED},
        {"pleroma": {"quote": QUOTED, "quote_url": "x"}},
    ],
)
def test_a_quoted_post_is_a_post_of_its_own_once(quote: dict[str, Any]) -> None:
    running = feed()
    event = StreamEvent("update", json.dumps(STATUS | quote))
    quoting, quoted = running._batch(event).records
    assert (quoting.url, quoted.url) == (STATUS["url"], QUOTED["uri"])  # type: ignore[union-attr]
    assert isinstance(quoted, Post)
    assert [medium.url for medium in quoted.media] == ["https://f.example/7.mp4"]
    assert not running._batch(event).records
    assert not running._batch(StreamEvent("update", json.dumps(QUOTED))).records


@pytest.mark.parametrize(
    "quote",
    [
        {"quote": {"state": "deleted", "quoted_status": None}},
        {"quote": {"state": "accepted", "quoted_status_id": "7"}},
        {"quote": "x"},
        {"quote": QUOTED | {"id": "7" * 9_999}},
        {"reblog": "x"},
    ],
)
def test_a_quote_without_its_post_costs_nothing(quote: dict[str, Any]) -> None:
    assert post(**quote).caption == "hi"


MISSING, REMOTE = "https://m/original/missing.png", "https://r/v.mp4"


@pytest.mark.parametrize(
    ("kind", "url", "remote_url", "preview_url", "address"),
    [
        ("video", "https://f/v.mp4", REMOTE, None, "https://f/v.mp4"),
        ("unknown", None, REMOTE, None, REMOTE),
        ("unknown", MISSING, REMOTE, None, REMOTE),
        ("image", MISSING, REMOTE, None, REMOTE),
        ("unknown", "https://r/page", REMOTE, None, REMOTE),
        ("image", "https://p/storage/no-preview.png", None, "https://p/s.jpg", "https://p/s.jpg"),
        ("video", None, None, "https://p/s.jpg", "https://p/s.jpg"),
        ("image", "/storage/m/1.jpg", None, None, "https://masto.example/storage/m/1.jpg"),
        ("image", "//cdn.example/1.jpg", None, None, "https://cdn.example/1.jpg"),
        (5, ["x"], REMOTE, None, REMOTE),
    ],
)
def test_the_address_of_an_attachment_is_that_of_the_medium(
    kind: object, url: object, remote_url: str | None, preview_url: str | None, address: str
) -> None:
    attachment = {"type": kind, "url": url, "remote_url": remote_url, "preview_url": preview_url}
    (medium,) = post(media_attachments=[attachment]).media
    assert (medium.url, medium.kind) == (address, kind if kind in {"image", "video"} else None)


ODD_ATTACHMENTS = [[{"type": "video", "description": "Jane"}], ["x"], {"url": "x"}, [{"url": "http://["}]]


@pytest.mark.parametrize("attachments", ODD_ATTACHMENTS)
def test_attachments_without_an_address_are_a_dead_letter_beside_the_post(attachments: Any) -> None:
    found, letter = records(media_attachments=attachments)
    assert isinstance(found, Post)
    assert isinstance(letter, DeadLetter)
    assert letter.reason == "feed_medium_unreadable"
    assert json.loads(letter.value or b"")["media_attachments"] == attachments


@pytest.mark.parametrize(
    ("account", "author"),
    [
        ({"url": None, "uri": "https://o/users/a", "acct": "a"}, "https://o/users/a"),
        ({"acct": "a@o"}, "a@o"),
        (None, None),
        ("a", None),
    ],
)
def test_an_author_is_named_as_far_as_possible(account: Any, author: str | None) -> None:
    assert post(account=account).author == author


def test_ids_that_are_numbers_and_other_texts_are_ids() -> None:
    assert post(id=110).url == STATUS["url"]
    assert post(id="9kCICaYQ5RIGwTBLUu", uri=None).url == STATUS["url"]


async def test_any_number_of_edits_keeps_the_cursor_small() -> None:
    posts = RecentPosts({})
    for number in range(500):
        (part,) = posts.add_version("1", "u", f"2026-01-01T00:00:{number:03}Z").values()
    assert len(part or "") < 4_096


def test_a_payload_that_is_an_object_is_read_as_one_in_a_string() -> None:
    event = _parse_frame(json.dumps({"event": "update", "payload": STATUS}).encode())
    assert json.loads(event.payload) == STATUS
    assert _parse_frame(b'{"event": "delete", "payload": 5}') == StreamEvent("delete", "5")
    assert _parse_frame(b"{").event == MALFORMED


def test_one_status_that_is_not_utf_8_or_too_deep_costs_no_other_of_its_page() -> None:
    page = b'[{"id": "1"}, {"id": "2", "x": "\xff"}, {"id": "3", "x": %s}]' % (b"[" * 9_000 + b"]" * 9_000)
    assert [json.loads(status)["id"] for status in _statuses(page)] == ["1", "2", "3"]
