"""Posts from Mastodon's statuses, and the feed over several connections."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any, cast

import pytest

from schemas.messages import DeadLetter, Post, Removal
from streams.errors import UsageError
from streams.feeds import connection
from streams.feeds.batch import Batch
from streams.feeds.connection import reconnecting
from streams.feeds.cursor import Progress
from streams.feeds.mastodon import feed as mastodon
from streams.feeds.mastodon.feed import FEED, MastodonFeed
from streams.feeds.mastodon.html import Html
from streams.feeds.mastodon.recent_posts import RecentPost, RecentPosts
from streams.feeds.mastodon.server import Server
from streams.feeds.mastodon.stream import STREAMS, Stream
from streams.feeds.mastodon.wire import MALFORMED, StreamEvent, parse_status, to_post
from tests.faults.platforms import recorded
from tests.support.deadline import DEADLINE_S
from tests.unit.decode.served import Server as Answers
from tests.unit.decode.served import response
from tests.unit.feeds.made import NEW, progress_after, records

STATUSES = recorded("mastodon.jsonl")


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_BASE_PAUSE_S", 0.01)


def update(number: int, **changes: Any) -> StreamEvent:
    """Return the event of a status with this id."""
    status = STATUSES[1] | {"id": str(number), "uri": f"u{number}", "url": f"https://birds.example/{number}"}
    return StreamEvent("status.update" if "edited_at" in changes else "update", json.dumps(status | changes))


class Scripted:
    """A server with given sessions and pages."""

    url = "https://example.social"

    def __init__(self, *sessions: list[StreamEvent], pages: list[list[str]] | None = None) -> None:
        self.sessions = list(sessions)
        self.pages = pages or []
        self.requests: list[str] = []

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncGenerator[StreamEvent]]:
        if not self.sessions:
            raise UsageError("the end")
        session = self.sessions.pop(0)

        async def events() -> AsyncGenerator[StreamEvent]:
            for event in session:
                yield event

        yield events()

    async def page(self, since_id: str) -> list[str]:
        self.requests.append(since_id)
        return self.pages.pop(0) if self.pages else []


def deletion(number: int) -> StreamEvent:
    return StreamEvent("delete", str(number))


async def all_of(server: Scripted, progress: Progress = NEW) -> list[Batch]:
    batches: list[Batch] = []
    source = reconnecting(FEED, MastodonFeed(cast("Server", server), progress).session)
    with suppress(UsageError):  # the end
        async with asyncio.timeout(DEADLINE_S), aclosing(source):
            async for batch in source:
                batches.append(batch)  # noqa: PERF401 - keeps the batches before the end
    return batches


def test_a_status_becomes_a_post() -> None:
    text, film, pictures, elsewhere, _, korean = (to_post(parse_status(json.dumps(status))) for status in STATUSES)
    assert text.caption == "Good morning from the #creek\n\nsecond & last"
    assert (text.tags, text.author) == (["creek"], "https://birds.example/@heron")
    assert film.caption == "feathers\n\nA film"
    assert [(medium.kind, medium.alt) for medium in film.media] == [("video", "A heron")]
    assert [medium.kind for medium in pictures.media] == ["image", "video", "audio"]
    assert pictures.caption == "Pictures\nof it"
    assert [medium.url for medium in elsewhere.media] == ["https://birds.example/media/41"]
    assert (korean.language, korean.caption) == ("ko", "오늘의 왜가리")


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("<p>a<br>b<br/>c</p>", "a\nb\nc"),
        ("<p>one</p><p>two</p>", "one\n\ntwo"),
        ("&lt;p&gt; &amp;", "<p> &"),
        ("<p>never <b>closed", "never closed"),
        ("a < b", "a < b"),
    ],
)
def test_html_becomes_plain_text(html: str, text: str) -> None:
    assert Html(html).text == text


def test_unfinished_tags_delay_no_post() -> None:
    """Python's own parser would take half an hour."""
    assert Html("<a " * 40_000).text.startswith("<a <a")


async def test_an_edit_is_a_new_post_at_the_same_url_and_a_repeat_is_none() -> None:
    edit = update(1, content="<p>other</p>", edited_at="2026-01-01T00:00:00.000Z")
    first, second = records(await all_of(Scripted([update(1), edit, update(1), edit])))
    assert first.url == second.url
    assert first.post_id != second.post_id
    assert second.caption.endswith("other")


async def test_boosts_are_the_boosted_post_once_and_their_deletion_is_no_removal() -> None:
    boost = update(2, reblog=json.loads(update(1).payload))
    another = update(3, reblog=json.loads(update(1).payload))
    found = records(await all_of(Scripted([boost, another, update(1), deletion(2), deletion(3)])))
    assert [post.url for post in found] == ["https://birds.example/1"]


async def test_a_deletion_names_the_post_by_its_url_after_a_restart_too() -> None:
    progress = progress_after(await all_of(Scripted([update(1)])))
    removals = records(await all_of(Scripted([deletion(1), deletion(1)]), progress))
    assert [(type(removal), removal.url) for removal in removals] == [(Removal, "https://birds.example/1")]


async def test_the_deletion_of_an_unknown_post_has_its_address_on_the_server() -> None:
    (removal,) = records(await all_of(Scripted([deletion(77), deletion(77)])))
    assert removal.url == "https://example.social/web/statuses/77"


async def test_missed_posts_are_backfilled_by_page_without_duplicates() -> None:
    pages = [[update(4).payload, update(3).payload], [update(5).payload], []]
    server = Scripted([update(2)], [update(5), update(6)], pages=pages)
    found = records(await all_of(server))
    assert [post.url[-1] for post in found] == ["2", "3", "4", "5", "6"]
    assert server.requests == ["0", "4", "5"]


async def test_the_backfill_rewinds_half_a_minute() -> None:
    newest = 1_790_000_000_000 << 16
    server = Scripted([update(newest)], [])
    await all_of(server)
    assert int(server.requests[0]) == (1_790_000_000_000 - 30_000) << 16


async def test_too_many_missed_posts_are_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mastodon, "_MAX_PAGES", 2)
    pages = [[update(number).payload] for number in range(3, 9)]
    found = records(await all_of(Scripted([update(2)], [update(9)], pages=pages)))
    seen = [record.reason if isinstance(record, DeadLetter) else record.url[-1] for record in found]
    assert seen == ["2", "3", "4", "feed_gap", "9"]


@pytest.mark.parametrize(
    ("kind", "payload"), [("update", "{"), ("update", "{}"), (MALFORMED, "[]"), ("update", "[" * 99_999)]
)
async def test_a_malformed_status_is_a_dead_letter_and_the_next_is_read(kind: str, payload: str) -> None:
    event = StreamEvent(kind, payload)
    letter, post = records(await all_of(Scripted([event, event, update(1)])))
    assert isinstance(letter, DeadLetter)
    assert letter.value == payload.encode()
    assert isinstance(post, Post)


async def test_other_events_are_ignored() -> None:
    others = [("notification", "{}"), ("filters_changed", ""), ("announcement", "x")]
    batches = await all_of(Scripted([StreamEvent(*other) for other in others]))
    assert records(batches) == []
    assert sum(batch.ignored for batch in batches) == 3


def test_the_oldest_ids_are_evicted() -> None:
    posts = RecentPosts({"9": '{"url":"a"}', "10": '{"url":"b"}'}, max_posts=2)
    changed = posts.add("11", RecentPost("c"))
    assert set(changed) == {"11", "9"}
    assert changed["9"] is None
    assert posts.get("9") is None
    assert posts.get("10") == RecentPost("b")


@pytest.mark.parametrize("name", STREAMS)
def test_every_stream_has_all_three_names(name: str) -> None:
    stream = Stream(name, "cats" if name.startswith("hashtag") else None)
    path, _ = stream.sse
    assert path.startswith("/api/v1/streaming/")
    assert stream.parameters["stream"] == name
    assert stream.timeline[0].startswith("/api/v1/timelines/")


def test_a_stream_of_other_servers_media() -> None:
    stream = Stream("public:remote:media")
    assert stream.sse == ("/api/v1/streaming/public/remote", {"only_media": "true"})
    assert stream.timeline == ("/api/v1/timelines/public", {"remote": "true", "only_media": "true"})


@pytest.mark.parametrize(
    ("status", "text"), [("401 Unauthorized", "JIKIMI_MASTODON_TOKEN"), ("404 Not Found", "is it a Mastodon server")]
)
async def test_a_server_that_refuses_is_one_line(server: Answers, status: str, text: str) -> None:
    server.answers["/api/v2/instance"] = response(body=b"{}")
    server.answers["/api/v1/streaming/public"] = response(status, b'{"error": "no"}')
    with pytest.raises(UsageError, match=text):
        async with Server(server.url(""), Stream("public"), "secret", "sse", 5.0).connect():
            pass
    assert "authorization: bearer secret" in server.requests[-1].lower()


async def test_a_rate_limited_request_is_sent_again(server: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    path = "/api/v1/timelines/public?min_id=1&limit=40"
    server.answers[path] = response("429 Too Many Requests", b"", X_RateLimit_Reset="2020-01-01T00:00:00.000Z")
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        server.answers[path] = response(body=b'[{"id": "2"}]')

    monkeypatch.setattr("streams.feeds.mastodon.server.asyncio.sleep", sleep)
    assert await Server(server.url(""), Stream("public"), "", "sse", 5.0).page("1") == ['{"id": "2"}']
    assert waited == [1.0]
