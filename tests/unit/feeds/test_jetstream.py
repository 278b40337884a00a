"""The Jetstream feed against a server on loopback that sends the frames of a test."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from schemas.messages import DeadLetter, Post, Removal
from streams.errors import UsageError
from streams.feeds import connection
from streams.feeds.batch import Batch
from streams.feeds.bluesky import server as jetstream_server
from streams.feeds.bluesky.jetstream import FEED, JetstreamFeed
from streams.feeds.bluesky.server import JetstreamOptions
from streams.feeds.connection import reconnecting
from streams.feeds.cursor import Progress
from tests.faults.platforms import recorded
from tests.support.deadline import DEADLINE_S
from tests.unit.feeds.made import NEW, progress_after, records

NOW_US = int(time.time() * 1e6)
type Script = Callable[[ServerConnection], Awaitable[None]]


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_BASE_PAUSE_S", 0.01)


class Server:
    """Requests received, and scripts for the connections in turn."""

    def __init__(self) -> None:
        self.scripts: list[Script | Response] = []
        self.requests: list[dict[str, list[str]]] = []
        self.port = 0

    async def refuse(self, _: ServerConnection, request: Request) -> Response | None:
        self.requests.append(parse_qs(urlsplit(request.path).query))
        return cast("Response", self.scripts.pop(0)) if self.scripts and isinstance(self.scripts[0], Response) else None

    async def serve(self, client: ServerConnection) -> None:
        if self.scripts:
            await cast("Script", self.scripts.pop(0))(client)
        else:
            await client.wait_closed()

    def feed(self, progress: Progress = NEW, **options: Any) -> JetstreamFeed:
        given = JetstreamOptions(url=f"ws://127.0.0.1:{self.port}", **{"stall_s": 2.0} | options)
        return JetstreamFeed(given, progress)

    async def progress(self, *frames: Any, wire: int = 1) -> Progress:
        """Return the progress of a feed that has read these frames."""
        self.scripts = [sending(*frames)]
        return progress_after(await take(self.feed(wire=wire), len(frames)))


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    options: Any = {"process_request": made.refuse, "select_subprotocol": lambda _, names: next(iter(names), None)}
    async with serve(made.serve, "127.0.0.1", 0, **options) as running:
        made.port = next(iter(running.sockets)).getsockname()[1]
        yield made
        running.close(close_connections=True)


def sending(*frames: Any, then: str = "close") -> Script:
    async def script(client: ServerConnection) -> None:
        for frame in frames:
            await client.send(frame if isinstance(frame, str) else json.dumps(frame))
        if then == "hang":
            await client.wait_closed()

    return script


def refusing(status: int, body: bytes = b"") -> Response:
    return Response(status, "No", Headers({"Content-Length": str(len(body))}), body)


def event(number: int, us: int = NOW_US, **commit: Any) -> dict[str, Any]:
    """Return a post in wire 1."""
    made = recorded("jetstream-1.jsonl")[0]
    made["commit"] |= {"rkey": f"r{number}", "cid": f"c{number}", "rev": f"v{number}"} | commit
    return made | {"time_us": us + number}


async def take(feed: JetstreamFeed, n_records: int) -> list[Batch]:
    """Return batches until they have this many records."""
    batches: list[Batch] = []
    async with asyncio.timeout(DEADLINE_S), aclosing(reconnecting(FEED, feed.session)) as source:
        async for batch in source:
            batches.append(batch)
            if sum(len(batch.records) for batch in batches) >= n_records:
                return batches
    raise AssertionError("the feed ended")


@pytest.mark.parametrize("wire", [1, 2])
async def test_both_wires_give_the_same_records(server: Server, wire: int) -> None:
    server.scripts = [sending(*recorded(f"jetstream-{wire}.jsonl"))]
    found = records(await take(server.feed(wire=wire), 16))
    posts = [record for record in found if isinstance(record, Post)]
    removals = [record for record in found if isinstance(record, Removal)]
    kinds = ["post_deleted", "account_gone", "account_back", "account_gone", "account_gone", "account_gone"]
    assert [len(post.media) for post in posts] == [0, 2, 2, 2, 2, 2, 0, 0, 0]  # a film has captions
    assert [removal.kind for removal in removals] == kinds
    (letter,) = [record for record in found if isinstance(record, DeadLetter)]
    assert (letter.reason, "org.example.embed.hologram" in letter.detail) == ("feed_embed_unknown", True)
    assert posts[0].tags == ["herons"]
    assert posts[2].media[0].alt == "A heron fishing in a creek"
    assert "com.atproto.sync.getBlob?did=did:plc:" in posts[2].media[0].url
    assert (posts[0].url, posts[0].post_id != posts[8].post_id) == (posts[8].url, True)
    assert removals[0].url == posts[1].url
    assert removals[2].author == posts[0].author


async def test_both_wires_give_the_same_ids(server: Server) -> None:
    ids = []
    for wire in (1, 2):
        server.scripts = [sending(*recorded(f"jetstream-{wire}.jsonl"))]
        found = records(await take(server.feed(wire=wire), 16))
        ids.append([record[0] for record in map(msgspec.structs.astuple, found)])
    assert ids[0] == ids[1]


async def test_a_new_connection_rewinds_a_little_and_repeats_no_record(server: Server) -> None:
    server.scripts = [sending(event(1), event(2)), sending(event(1), event(2), event(3))]
    found = records(await take(server.feed(wire=1), 3))
    assert [post.url[-2:] for post in found] == ["r1", "r2", "r3"]
    assert "cursor" not in server.requests[0]
    assert NOW_US - 3_000_000 < int(server.requests[1]["cursor"][0]) <= NOW_US + 2


async def test_a_restart_resumes_and_repeats_no_record(server: Server) -> None:
    progress = await server.progress(event(1), event(2))
    server.scripts = [sending(event(1), event(2), event(3))]
    assert [post.url[-2:] for post in records(await take(server.feed(progress, wire=1), 1))] == ["r3"]


async def test_another_server_is_rewound_further(server: Server) -> None:
    progress = await server.progress(event(1))
    other = Progress((progress.position or "").replace("127.0.0.1", "other.example"), progress.parts)
    server.scripts = [sending(event(2))]
    await take(server.feed(other, wire=1), 1)
    assert int(server.requests[-1]["cursor"][0]) == NOW_US + 1 - 10_000_000


@pytest.mark.parametrize(
    "frame", ["{", "[]", '{"did": 1}', json.dumps(event(9, commit_is="missing") | {"commit": None})]
)
async def test_a_malformed_frame_is_one_dead_letter_and_the_next_is_read(server: Server, frame: str) -> None:
    server.scripts = [sending(event(1), frame, frame, event(2))]
    first, letter, second = records(await take(server.feed(wire=1), 3))
    assert (first.url[-2:], second.url[-2:]) == ("r1", "r2")
    assert isinstance(letter, DeadLetter)
    assert (letter.value, letter.reason) == (frame.encode(), "feed_entry_malformed")


async def test_a_record_without_anything_readable_is_a_dead_letter_and_the_next_is_read(server: Server) -> None:
    server.scripts = [sending(event(1, record={"text": 5}), event(2))]
    letter, post = records(await take(server.feed(wire=1), 2))
    assert isinstance(letter, DeadLetter)
    assert "text: expected a text, got int" in letter.detail
    assert post.url.endswith("r2")


@pytest.mark.parametrize("time_us", [NOW_US + 86_400_000_000, 10**30, -1, 0, True, None, "soon", 1e300, [], 10**18])
async def test_an_event_without_a_plausible_time_is_as_seen_and_makes_no_later_one_old(
    server: Server, time_us: object
) -> None:
    server.scripts = [sending(event(1) | {"time_us": time_us}, event(2))]
    odd, post = records(await take(server.feed(wire=1), 2))
    assert odd.url.endswith("r1")
    assert odd.notes == ["the event's time is missing or not from 1970 to now, as seen"]
    assert (post.url[-2:], post.notes) == ("r2", [])


async def test_a_frame_that_is_not_utf_8_ends_no_connection(server: Server) -> None:
    async def script(client: ServerConnection) -> None:
        await client.send(json.dumps(event(1)).encode().replace(b'"text":"', b'"text":"\xff'), text=True)
        await client.send(json.dumps(event(2)))

    server.scripts = [script]
    odd, post = records(await take(server.feed(wire=1), 2))
    assert (odd.url[-2:], post.url[-2:]) == ("r1", "r2")
    assert len(server.requests) == 1


async def test_silence_ends_a_connection(server: Server) -> None:
    server.scripts = [sending(event(1), then="hang"), sending(event(2))]
    assert len(records(await take(server.feed(wire=1, stall_s=0.2), 2))) == 2


async def test_a_consumer_too_slow_error_leads_to_a_reconnection(server: Server) -> None:
    first, second, *_ = recorded("jetstream-2.jsonl")
    error = {"$type": "error", "error": "ConsumerTooSlow", "message": "x"}
    server.scripts = [sending(first, error), sending(second)]
    assert len(records(await take(server.feed(wire=2), 2))) == 2


async def test_a_cursor_that_is_too_old_is_a_gap_and_the_feed_continues(server: Server) -> None:
    first, second, *_ = recorded("jetstream-2.jsonl")
    progress = await server.progress(first, wire=2)
    server.scripts = [refusing(400, b'{"error": "CursorTooOld", "message": "floor 5"}'), sending(second)]
    gap, post = records(await take(server.feed(progress, wire=2), 2))
    assert (gap.reason, "CursorTooOld" in gap.detail or "from" in gap.detail) == ("feed_gap", True)
    assert isinstance(post, Post)
    assert "cursor" not in server.requests[-1]


async def test_an_outdated_cursor_is_a_gap(server: Server) -> None:
    first, second, *_ = recorded("jetstream-2.jsonl")
    progress = await server.progress(first, wire=2)
    notice = {"$type": "message", "payload": {"$type": "x#info", "name": "OutdatedCursor", "message": "from 7"}}
    server.scripts = [sending(notice, second)]
    gap, post = records(await take(server.feed(progress, wire=2), 2))
    assert (gap.reason, "from 7" in gap.detail) == ("feed_gap", True)
    assert isinstance(post, Post)


async def test_days_missing_on_wire_1_are_a_gap(server: Server) -> None:
    progress = await server.progress(event(1, us=NOW_US - 3 * 86_400_000_000))
    server.scripts = [sending(event(2))]
    gap, post = records(await take(server.feed(progress, wire=1), 2))
    assert gap.reason == "feed_gap"
    assert isinstance(post, Post)


async def test_a_frame_too_large_to_read_is_a_gap(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jetstream_server, "MAX_FRAME_BYTES", 5_000)
    huge = event(2, record={"text": "x" * 9_000})
    server.scripts = [sending(event(1), huge, then="hang"), sending(event(3))]
    first, gap, last = records(await take(server.feed(wire=1), 3))
    assert (first.url[-2:], gap.reason, last.url[-2:]) == ("r1", "feed_gap", "r3")
    assert int(server.requests[1]["cursor"][0]) > NOW_US + 2


@pytest.mark.parametrize("status", [400, 403, 404])
async def test_a_server_of_another_wire_is_one_line(server: Server, status: int) -> None:
    server.scripts = [refusing(status)]
    with pytest.raises(UsageError, match=f"{status} to wire 2"):
        await take(server.feed(wire=2), 1)


async def test_a_server_error_leads_to_a_reconnection(server: Server) -> None:
    server.scripts = [refusing(503), sending(event(1))]
    assert len(records(await take(server.feed(wire=1), 1))) == 1


async def test_posts_without_media_can_be_left_out(server: Server) -> None:
    server.scripts = [sending(*recorded("jetstream-1.jsonl"))]
    found = records(await take(server.feed(wire=1, media_only=True), 12))
    assert all(record.media for record in found if isinstance(record, Post))
    assert sum(isinstance(record, Removal) for record in found) == 6
