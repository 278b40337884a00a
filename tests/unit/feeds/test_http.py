"""The HTTP feed without a broker: its responses, and its OpenAPI document."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from schemas.messages import Post, Removal
from streams.delivery.reading.routes import platform_routes
from streams.errors import UsageError
from streams.feeds.batch import FeedRecord
from streams.feeds.entry import MAX_ENTRY_BYTES
from streams.feeds.http.app import create_app
from streams.feeds.http.feed import HttpFeed
from streams.feeds.http.ingestor import Ingestor
from streams.feeds.http.settings import HttpSettings
from tests.support.deadline import DEADLINE_S
from tests.unit.feeds.made import NEW, progress_after

DOCUMENT = Path(__file__).parents[3] / "ops" / "docs" / "openapi.json"
POST = {"url": "https://made.example/1", "caption": "one"}
KEY = {"Idempotency-Key": "k"}


class Broker:
    """Writes batches as the feed runner does, or stalls."""

    def __init__(self, *, stalls: bool = False) -> None:
        self.runs = asyncio.Event()
        if not stalls:
            self.runs.set()
        self.records: list[FeedRecord] = []
        self.progress = NEW

    async def write_all(self, ingestor: Ingestor) -> None:
        async for batch in ingestor.queue.batches(asyncio.Event()):
            await self.runs.wait()
            self.records += batch.records
            self.progress = progress_after([batch], self.progress)
            assert batch.written is not None
            if not batch.written.done():
                batch.written.set_result(None)


@asynccontextmanager
async def serving(broker: Broker, **changes: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of a feed that resumes at the broker's progress."""
    settings = HttpSettings(**{"patience_s": 5.0, **changes})
    ingestor = Ingestor(settings, broker.progress)
    writing = asyncio.create_task(broker.write_all(ingestor))
    transport = httpx.ASGITransport(create_app(settings, ingestor))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://feed.test") as client:
        yield client
    writing.cancel()
    with suppress(asyncio.CancelledError):
        await writing


async def written(broker: Broker, n_records: int) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while len(broker.records) < n_records:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0)


def assert_problem(answer: httpx.Response, status: int, *texts: str) -> None:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    for text in texts:
        assert text in problem["detail"]


async def test_a_post_and_a_list_of_posts_are_accepted_with_their_ids() -> None:
    broker = Broker()
    async with serving(broker) as client:
        one = await client.post("/v1/posts", json=POST)
        several = await client.post("/v1/posts", json=[POST, {"caption": "two", "post_id": "mine"}])
    assert (one.status_code, several.status_code) == (202, 202)
    posts = [record for record in broker.records if isinstance(record, Post)]
    assert [post.post_id for post in posts] == one.json()["ids"] + several.json()["ids"]
    assert several.json()["ids"] == [*one.json()["ids"], "mine"]
    assert (posts[0].platform, posts[0].url, posts[0].caption) == ("http", POST["url"], "one")


async def test_a_removal_is_accepted_and_repeated_under_the_same_id() -> None:
    broker = Broker()
    gone = {"kind": "post_deleted", "platform": "made", "url": "https://made.example/1", "at": "2026-11-22T10:00:00Z"}
    async with serving(broker) as client:
        answers = [await client.post("/v1/removals", json=gone) for _ in range(2)]
        assert_problem(await client.post("/v1/removals", json={"kind": "account_gone", "platform": "p"}), 422, "author")
    first, again = broker.records
    assert isinstance(first, Removal)
    assert isinstance(again, Removal)
    assert (first.kind, first.url, first.removal_id) == ("post_deleted", gone["url"], again.removal_id)
    assert answers[0].json() == {"ids": [first.removal_id]}


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        (b"", 400, ""),
        (b"{", 400, ""),
        (b'{"caption": "\xff"}', 400, ""),
        (b"\x00\x01garbage", 400, ""),
        (b"[" * 100_000, 400, ""),
        (b'"a post"', 422, "$"),
        (b"null", 422, "$"),
        (b"[]", 422, "0 records"),
        (b"{}", 422, "media, a caption or tags"),
        (b'{"caption": "one", "medai": []}', 422, "medai"),
        (b'[{"caption": "one"}, {"caption": 2}]', 422, "$[1].caption"),
        (b'{"caption": "one", "published_at": "yesterday"}', 422, "$.published_at"),
        (b'{"media": ["a"], "alt": "b"}', 422, "alt belongs to a medium"),
        (json.dumps([POST] * 4).encode(), 422, "4 records"),
        (json.dumps({"caption": "x" * MAX_ENTRY_BYTES}).encode(), 413, "bytes"),
        (b"x" * 1_000_001, 413, ""),
    ],
    ids=range(16),
)
async def test_a_malformed_post_is_refused_as_a_whole(body: bytes, status: int, text: str) -> None:
    broker = Broker()
    async with serving(broker, max_records=3, max_body_bytes=1_000_000) as client:
        answer = await client.post("/v1/posts", content=body, headers={"Content-Type": "application/json"})
    assert_problem(answer, status, text)
    assert broker.records == []


async def test_only_json_is_accepted_because_browsers_send_other_types_without_a_preflight() -> None:
    async with serving(Broker()) as client:
        for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
            answer = await client.post("/v1/posts", content=json.dumps(POST), headers={"Content-Type": kind})
            assert_problem(answer, 415, "application/json")
        assert_problem(await client.get("/v1/posts"), 405)
        assert_problem(await client.get("/v1/nothing"), 404)


async def test_without_the_token_nothing_is_accepted() -> None:
    broker = Broker()
    async with serving(broker, token="sixteen letters or more") as client:
        for shown in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "sixteen letters or more"}):
            answer = await client.post("/v1/posts", json=POST, headers=shown)
            assert_problem(answer, 401, "token")
            assert answer.headers["www-authenticate"] == "Bearer"
        assert broker.records == []
        right = {"Authorization": "Bearer sixteen letters or more"}
        assert (await client.post("/v1/posts", json=POST, headers=right)).status_code == 202
        assert (await client.get("/ready")).status_code == 204


async def test_the_same_key_is_the_same_request_once() -> None:
    broker = Broker()
    async with serving(broker) as client:
        first, again = [await client.post("/v1/posts", json=POST, headers=KEY) for _ in range(2)]
        assert (again.status_code, again.json()) == (202, first.json())
        other = await client.post("/v1/posts", json={"caption": "other"}, headers=KEY)
        assert_problem(other, 422, "Idempotency-Key")
        assert_problem(await client.post("/v1/removals", json=POST, headers=KEY), 422)
        assert_problem(await client.post("/v1/posts", json=POST, headers={"Idempotency-Key": "x" * 256}), 422)
    assert len(broker.records) == 1


async def test_the_same_key_sent_at_once_is_accepted_once() -> None:
    broker = Broker(stalls=True)
    async with serving(broker) as client:
        sent = [asyncio.create_task(client.post("/v1/posts", json=POST, headers=KEY)) for _ in range(5)]
        await asyncio.sleep(0.1)
        assert not any(task.done() for task in sent)
        broker.runs.set()
        answers = [await task for task in sent]
    assert {answer.status_code for answer in answers} == {202}
    assert len(broker.records) == 1


async def test_a_key_is_stored_across_restarts_and_evicted_after_its_retention() -> None:
    broker = Broker()
    async with serving(broker) as client:
        first = await client.post("/v1/posts", json=POST, headers=KEY)
    assert "k" not in broker.progress.parts
    async with serving(broker) as client:
        assert (await client.post("/v1/posts", json=POST, headers=KEY)).json() == first.json()
        assert_problem(await client.post("/v1/posts", json={"caption": "other"}, headers=KEY), 422)
    assert len(broker.records) == 1
    async with serving(broker, key_memory_s=0.001) as client:
        other = await client.post("/v1/posts", json={"caption": "other"}, headers={"Idempotency-Key": "l"})
        assert other.status_code == 202
    assert len(broker.progress.parts) == 1  # the first key is evicted from the cursor too


async def test_the_queue_for_the_broker_is_bounded_and_further_requests_are_answered_429() -> None:
    broker = Broker(stalls=True)
    async with serving(broker, max_waiting=2) as client:
        sent = [asyncio.create_task(client.post("/v1/posts", json=POST)) for _ in range(5)]
        async with asyncio.timeout(DEADLINE_S):
            while len(refused := [task.result() for task in sent if task.done()]) < 3:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        for answer in refused:
            assert_problem(answer, 429)
            assert int(answer.headers["retry-after"]) >= 1
        broker.runs.set()
        assert sorted([(await task).status_code for task in sent]) == [202, 202, 429, 429, 429]
    assert len(broker.records) == 2


async def test_an_unavailable_broker_is_503_and_a_retry_with_the_key_is_no_second_post() -> None:
    broker = Broker(stalls=True)
    async with serving(broker, patience_s=0.1) as client:
        unavailable = await client.post("/v1/posts", json=POST, headers=KEY)
        assert_problem(unavailable, 503, "send it again")
        assert int(unavailable.headers["retry-after"]) >= 1
        broker.runs.set()
        await written(broker, 1)
        assert (await client.post("/v1/posts", json=POST, headers=KEY)).status_code == 202
    assert len(broker.records) == 1


async def test_while_the_queue_is_stalled_requests_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.feeds.http.record_queue._STALL_S", 0.05)
    broker = Broker(stalls=True)
    async with serving(broker, patience_s=0.1) as client:
        assert_problem(await client.post("/v1/posts", json=POST), 503)
        assert_problem(await client.get("/ready"), 503)
        assert_problem(await client.post("/v1/posts", json=POST), 503)
        broker.runs.set()
        await written(broker, 1)
        assert (await client.get("/ready")).status_code == 204
    assert len(broker.records) == 1


def test_other_hosts_need_a_long_enough_token() -> None:
    for host, token in (("0.0.0.0", ""), ("::", ""), ("somewhere.example", ""), ("127.0.0.1", "short")):
        with pytest.raises(UsageError, match="TOKEN"):
            HttpFeed(HttpSettings(token=token), host, 0)  # type: ignore[arg-type]


def test_a_port_that_is_taken_is_one_line() -> None:
    first = HttpFeed(HttpSettings(), "127.0.0.1", 0)
    with pytest.raises(UsageError, match=r"cannot listen on .*: another program listens there: choose another port"):
        HttpFeed(HttpSettings(), "127.0.0.1", int(first.address.rpartition(":")[2]))
    first._socket.close()


def test_the_committed_openapi_document_is_valid_and_current() -> None:
    document = json.loads(DOCUMENT.read_text())
    OpenAPIV31SpecValidator(document).validate()
    current = create_app(HttpSettings(), routes=platform_routes(None)).openapi_schema.to_schema()
    assert document == json.loads(json.dumps(current)), "run `python -m ops.openapi`"
