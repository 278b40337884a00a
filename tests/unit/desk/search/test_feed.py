"""Searches of platforms: every result once, with the live feed's id; budgets, refusals, and cursors that wait."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest

from schemas.messages import DeadLetter, Post
from streams.delivery.web_client import checked_client
from streams.desk.search import feed as search_feed
from streams.desk.search.bluesky_server import BlueskyServer
from streams.desk.search.feed import SearchFeed
from streams.desk.search.platform import Place, RefusedError, Results, SearchPlatform
from streams.desk.search.run import platforms_of
from streams.desk.search.settings import SearchSettings
from streams.desk.search.words import PlatformState
from streams.errors import UsageError
from streams.feeds.batch import Batch, FeedRecord
from streams.feeds.bluesky.posts import to_record
from streams.feeds.bluesky.wire import parse_wire_1
from streams.feeds.cursor import Progress
from streams.feeds.mastodon.wire import parse_status, to_post
from streams.settings import Settings, load_settings
from tests.support.platforms.http_server import RETRY_AFTER_S
from tests.unit.desk.search.served import LOGIN, SEARCH, Searched, minutes, status, view

WORD = "milkyway77"
NOW = datetime.now(UTC)


class Run:
    """A feed over a local server, with a clock that only the test moves, and the cursors as they are written."""

    def __init__(self, settings: Settings, client: httpx.AsyncClient, **changes: Any) -> None:
        # No pause between two queries of one run: its clock stands still.
        self.search = settings.search.model_copy(update={"per_minute": 10**9} | changes)
        self.settings = settings.model_copy(update={"search": self.search})
        self.client, self.now = client, NOW
        self.words: Mapping[str, Sequence[str]] = {WORD: ["case-a"]}
        self.parts: dict[str, str] = {}
        self.states: Sequence[PlatformState] = []
        self.records: list[FeedRecord] = []

    def feed(self) -> SearchFeed:
        async def words() -> Mapping[str, Sequence[str]]:
            return self.words

        def report(states: Sequence[PlatformState]) -> None:
            self.states = states

        platforms = platforms_of(self.settings, self.client)
        return SearchFeed(self.search, platforms, words, lambda word: f"key-of-{len(word)}", report, once=True,
                          clock=lambda: self.now)  # fmt: skip

    async def once(self) -> list[str]:
        """Ask each platform for each word once, from the stored cursors; return the addresses of new posts."""
        found: list[FeedRecord] = []
        async with aclosing(self.feed().batches(Progress(parts=self.parts))) as batches:
            async for batch in batches:
                found += batch.records
                self._keep(batch)
        self.records += found
        return [record.url for record in found if isinstance(record, Post)]

    def _keep(self, batch: Batch) -> None:
        for part, position in batch.parts.items():
            if position is None:
                del self.parts[part]
            else:
                self.parts[part] = position


@pytest.fixture
async def server() -> AsyncIterator[Searched]:
    async with Searched() as running:
        yield running


@pytest.fixture
async def bluesky(server: Searched) -> AsyncIterator[Run]:
    settings = load_settings(delivery={"allowed_hosts": ("127.0.0.1",)}, search={"bluesky": server.url})
    async with checked_client(settings) as client:
        yield Run(settings, client)


@pytest.fixture
async def mastodon(server: Searched) -> AsyncIterator[Run]:
    settings = load_settings(delivery={"allowed_hosts": ("127.0.0.1",)}, search={"mastodon": server.url})
    async with checked_client(settings) as client:
        yield Run(settings, client)


async def test_every_result_of_bluesky_is_read_once_over_pages_and_restarts(server: Searched, bluesky: Run) -> None:
    server.views = [view(f"k{n}", f"{WORD} {n}", NOW - minutes(60 - n)) for n in range(5)]
    server.views.append(view("other", "a walk", NOW))
    assert len(await bluesky.once()) == 5
    assert server.count(SEARCH) == 3
    assert await bluesky.once() == []
    server.views.append(view("late", WORD, NOW - minutes(58)))  # found only minutes after newer ones
    server.views.append(view("new", WORD, NOW))
    assert sorted(await bluesky.once()) == [
        f"https://bsky.app/profile/did:plc:mallory/post/{key}" for key in ("late", "new")
    ]


async def test_a_result_of_bluesky_has_the_id_that_the_live_feed_gives_it(server: Searched, bluesky: Run) -> None:
    found = view("k1", WORD, NOW, video="bafkvideo")
    server.views = [found]
    await bluesky.once()
    (post,) = bluesky.records
    commit = {"rev": "1", "operation": "create", "collection": "app.bsky.feed.post", "rkey": "k1", "cid": found["cid"],
              "record": found["record"]}  # fmt: skip
    frame = httpx.Response(
        200, json={"did": "did:plc:mallory", "time_us": 1, "kind": "commit", "commit": commit}
    ).content
    event = parse_wire_1(frame)
    assert event is not None
    live = to_record(event)
    assert isinstance(post, Post)
    assert isinstance(live, Post)
    assert (post.post_id, post.url, post.media) == (live.post_id, live.url, live.media)


async def test_every_status_of_both_searches_is_read_once_with_the_live_feeds_id(
    server: Searched, mastodon: Run
) -> None:
    server.statuses = [status(n, f"#{WORD}") for n in range(100, 110)]
    urls = await mastodon.once()
    assert sorted(urls) == sorted(one["url"] for one in server.statuses)  # each once, though both searches find it
    server.statuses += [status(n, f"#{WORD}") for n in range(110, 200)]  # more than two pages
    assert len(await mastodon.once()) == 90
    assert await mastodon.once() == []
    post = mastodon.records[0]
    assert isinstance(post, Post)
    by_feed = {to_post(parse_status(httpx.Response(200, json=one).content)).post_id for one in server.statuses}
    assert {record.post_id for record in mastodon.records if isinstance(record, Post)} == by_feed


async def test_a_platform_that_limits_its_search_waits_as_long_as_it_asks_and_loses_nothing(
    server: Searched, bluesky: Run
) -> None:
    server.views = [view("k1", WORD, NOW)]
    server.fail_next("rate_limit")
    assert await bluesky.once() == []
    (state,) = bluesky.states
    assert (state.reason, state.waits_until) == ("limited", NOW + timedelta(seconds=RETRY_AFTER_S))
    bluesky.now = NOW + timedelta(seconds=RETRY_AFTER_S - 1)
    assert await bluesky.once() == []  # also after a restart
    assert server.count(SEARCH) == 1
    bluesky.now = NOW + timedelta(seconds=RETRY_AFTER_S)
    assert len(await bluesky.once()) == 1
    assert (bluesky.states[0].reason, bluesky.states[0].found) == ("", {"case-a": 1})


@pytest.mark.parametrize(
    ("failure", "reason"), [(403, "forbidden"), (401, "forbidden"), (500, "unavailable"), ("reset", "unavailable"),
                            ("nonsense", "nonsense"), ("half_answer", "unavailable"), ("empty", "nonsense")],
)  # fmt: skip
async def test_a_refusal_without_a_time_waits_longer_each_time(
    server: Searched, bluesky: Run, failure: str | int, reason: str
) -> None:
    server.views = [view("k1", WORD, NOW)]
    for wait_s in (60, 120, 240):
        server.fail_next(failure)
        assert await bluesky.once() == []
        assert (bluesky.states[0].reason, bluesky.states[0].waits_until) == (
            reason, bluesky.now + timedelta(seconds=wait_s),
        )  # fmt: skip
        bluesky.now += timedelta(seconds=wait_s)
    assert len(await bluesky.once()) == 1


async def test_the_days_budget_holds_over_restarts_and_ends_with_the_day(server: Searched, bluesky: Run) -> None:
    bluesky.search = bluesky.search.model_copy(update={"per_day": 2})
    for _ in range(4):
        await bluesky.once()
    assert server.count(SEARCH) == 2
    assert bluesky.states[0].reason == "budget"
    bluesky.now = datetime.combine(NOW.date() + timedelta(days=1), datetime.min.time(), UTC)
    await bluesky.once()
    assert server.count(SEARCH) == 3


async def test_a_word_that_is_searched_no_more_leaves_no_cursor(server: Searched, bluesky: Run) -> None:
    server.views = [view("k1", WORD, NOW)]
    await bluesky.once()
    assert {part.partition("/")[0] for part in bluesky.parts} == {"place", "day"}
    assert WORD not in repr(bluesky.parts)
    bluesky.words = {}
    await bluesky.once()
    assert {part.partition("/")[0] for part in bluesky.parts} == {"day"}


async def test_an_account_is_logged_in_once_and_again_after_a_refusal(server: Searched, bluesky: Run) -> None:
    server.requires_login = True
    bluesky.settings = bluesky.settings.model_copy(
        update={"search": bluesky.search.model_copy(update={"bluesky_account": "centre.test"})}
    )
    server.views = [view(f"k{n}", WORD, NOW) for n in range(5)]
    assert len(await bluesky.once()) == 5
    assert server.count(LOGIN) == 1


@pytest.mark.parametrize(
    ("failure", "logins"), [(401, 2), (403, 2), ("expired", 2), (500, 1), ("rate_limit", 1), ("reset", 1)]
)
async def test_a_token_is_kept_unless_the_server_refuses_it(
    server: Searched, bluesky: Run, failure: str | int, logins: int
) -> None:
    account = {"bluesky_account": "centre.test"}
    asked = BlueskyServer(bluesky.search.model_copy(update=account), bluesky.client)
    query = {"q": WORD, "sort": "latest", "limit": "100", "since": NOW.isoformat()}
    await asked.get("app.bsky.feed.searchPosts", query)
    if failure == "expired":
        server.has_expired = True
    else:
        server.fail_next(failure)
    with pytest.raises(RefusedError):
        await asked.get("app.bsky.feed.searchPosts", query)
    await asked.get("app.bsky.feed.searchPosts", query)
    assert server.count(LOGIN) == logins


async def test_a_malformed_result_is_a_dead_letter_and_the_others_are_posts(server: Searched, bluesky: Run) -> None:
    server.page = 100
    broken = {**view("k1", WORD, NOW), "uri": "nonsense"}
    server.views = [broken, view("k2", WORD, NOW)]
    assert len(await bluesky.once()) == 1
    (letter,) = [record for record in bluesky.records if isinstance(record, DeadLetter)]
    assert (letter.stage, letter.reason) == ("feed-search", "feed_entry_malformed")


class Counted:
    """A platform that counts its queries."""

    def __init__(self, name: str, *, refuses: bool = False) -> None:
        self.name, self.refuses, self.asked = name, refuses, list[str]()

    def takes(self, word: str) -> bool:
        return word != "not this"

    async def search(self, word: str, place: Place) -> Any:
        del place
        self.asked.append(word)
        raise RefusedError("limited", "wait", 10.0) if self.refuses else RefusedError("unavailable", "x", 0.0)


async def test_platforms_are_asked_in_turn_within_the_budget_of_a_minute_and_one_that_waits_delays_no_other() -> None:
    now, asked = [NOW], [Counted("one"), Counted("two", refuses=True)]
    platforms: list[SearchPlatform] = [*asked]

    async def words() -> Mapping[str, Sequence[str]]:
        return {"first": ["a"], "second": ["b"], "not this": ["c"]}

    feed = SearchFeed(SearchSettings(per_minute=6), platforms, words, str, lambda _: None, clock=lambda: now[0])
    async with aclosing(feed.batches(Progress())) as batches:
        for _ in range(3):
            await anext(batches)
            now[0] += timedelta(seconds=5)
    assert [len(one.asked) for one in asked] == [2, 1]


class Clocked:
    """A platform that notes when it was asked, by a clock that moves by a second whenever it is read."""

    name = "clocked"

    def __init__(self) -> None:
        self.now, self.asked = NOW, list[datetime]()

    def clock(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    def takes(self, word: str) -> bool:
        return bool(word)

    async def search(self, word: str, place: Place) -> Results:
        del word
        self.asked.append(self.now)
        return Results([], place)


async def test_a_single_run_keeps_to_the_budget_of_a_minute_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_feed, "_IDLE_S", 0.0)
    platform = Clocked()

    async def words() -> Mapping[str, Sequence[str]]:
        return {"first": ["a"], "second": ["b"], "third": ["c"]}

    feed = SearchFeed(SearchSettings(per_minute=4), [platform], words, str, lambda _: None, once=True,
                      clock=platform.clock)  # fmt: skip
    assert len([batch async for batch in feed.batches(Progress())]) == 3
    pauses = [(after - before).total_seconds() for before, after in pairwise(platform.asked)]
    assert min(pauses) >= 15


def test_without_a_platform_there_is_nothing_to_search() -> None:
    with pytest.raises(UsageError, match="JIKIMI_SEARCH_BLUESKY"):
        platforms_of(load_settings(), httpx.AsyncClient())
