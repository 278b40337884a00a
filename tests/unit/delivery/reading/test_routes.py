"""Platforms that read takedowns and report outcomes over HTTP, without a broker."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import httpx
import msgspec
import pytest
from pydantic import SecretStr

from schemas.codec import Codec
from schemas.messages import Delivery, State, Takedown
from streams.delivery.platforms.registry import Platform, Registry
from streams.delivery.reading import log as log_module
from streams.delivery.reading.log import TakedownPages
from streams.delivery.reading.routes import PlatformAccess, platform_access, platform_routes
from streams.delivery.reading.tokens import PlatformTokens, platform_tokens
from streams.errors import UsageError
from streams.feeds.http.app import create_app
from streams.feeds.http.record_queue import BrokerUnavailableError
from streams.feeds.http.settings import HttpSettings
from streams.kafka.range_reader import RangeReader, RangeRecord
from streams.settings import Settings, load_settings
from tests.unit.delivery.channels.made import TAKEDOWN
from tests.unit.made_messages import delivery, post_ref, takedown

VIDEO, PHOTO = "token of the platform video", "token of the platform photo"
REGISTRY = Registry(
    {
        "video": Platform(title="Video", posts=("demo",), reader_secret="video"),
        "photo": Platform(title="Photo", posts=("photo",), reader_secret="photo"),
        "other": Platform(title="others"),
    }
)


class MadeRanges(RangeReader):
    """Records in a list; an offset of None is one that readers of committed records do not get."""

    def __init__(self, events: list[Takedown | None]) -> None:
        self._values = [None if event is None else Codec().encode("takedowns", event) for event in events]

    def end(self, partition: int) -> int:
        assert partition == 0
        return len(self._values)

    def read(self, partition: int, start: int, end: int) -> Iterator[RangeRecord]:
        assert partition == 0
        for offset, value in list(enumerate(self._values))[start:end]:
            if value is not None:
                yield RangeRecord(offset, value, {})


class Kept:
    """Keeps what is written, or is down."""

    def __init__(self) -> None:
        self.written: list[Delivery] = []
        self.is_down = False

    async def write(self, step: Delivery) -> None:
        if self.is_down:
            raise BrokerUnavailableError
        self.written.append(step)


def event(number: int, state: State = "sent", platform: str = "demo") -> Takedown:
    post = msgspec.structs.replace(post_ref(f"p{number}"), platform=platform)
    attempt = delivery(kind="attempt", outcome="delivered")
    return takedown(event_id=f"e{number}", takedown_id=f"t{number}", state=state, delivery=attempt, post=post)


def made_access(events: list[Takedown | None], kept: Kept | None = None) -> PlatformAccess:
    pages = TakedownPages(load_settings(), MadeRanges(events))
    return PlatformAccess(PlatformTokens({"video": VIDEO, "photo": PHOTO}), REGISTRY, pages, (kept or Kept()).write)


@asynccontextmanager
async def serving(
    events: list[Takedown | None], kept: Kept | None = None, token: str = VIDEO
) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(
        HttpSettings(token=SecretStr("token of the operator")), routes=platform_routes(made_access(events, kept))
    )
    headers = {"Authorization": f"Bearer {token}"}
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://feed.test", headers=headers) as client:
        yield client


async def test_pages_give_each_own_request_once_and_the_cursor_passes_what_is_anothers() -> None:
    events = [event(0), event(1, platform="photo"), None, event(3), event(4, "held"), event(5)]
    async with serving(events) as client:
        found, cursor, more = [], "", True
        while more:
            page = (await client.get(f"/v1/takedowns?limit=1{cursor}")).json()
            found += [one["takedown_id"] for one in page["takedowns"]]
            cursor, more = f"&after={page['next']}", page["more"]
        again = (await client.get(f"/v1/takedowns?{cursor[1:]}")).json()
    assert found == ["t0", "t3", "t5"]
    assert (again["takedowns"], again["more"]) == ([], False)


async def test_a_read_is_bounded_where_nothing_is_the_platforms_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "MAX_SCANNED", 2)
    async with serving([event(n, platform="photo") for n in range(5)]) as client:
        page = (await client.get("/v1/takedowns")).json()
    assert page == {"takedowns": [], "next": "t2", "more": True}


async def test_the_cursor_does_not_pass_records_of_a_transaction_under_way() -> None:
    async with serving([event(0), None]) as client:
        page = (await client.get("/v1/takedowns")).json()
    assert (page["next"], page["more"]) == ("t1", False)


@pytest.mark.parametrize("token", ["", "token of the operator", "token of the platform vide"])
async def test_only_a_platforms_own_token_reads(token: str) -> None:
    async with serving([event(0)], token=token) as client:
        answers = [
            await client.get("/v1/takedowns"),
            await client.post(f"/v1/takedowns/{TAKEDOWN}/outcome", json={"outcome": "removed"}),
        ]
    assert {answer.status_code for answer in answers} == {401}


async def test_a_platforms_token_submits_nothing() -> None:
    async with serving([]) as client:
        assert (await client.post("/v1/posts", json={"caption": "a"})).status_code == 401


@pytest.mark.parametrize(("reported", "outcome"), [("removed", "gone"), ("gone", "gone"), ("refused", "refused")])
async def test_an_outcome_is_the_platforms_answer_and_the_same_when_repeated(reported: str, outcome: str) -> None:
    kept, body = Kept(), {"outcome": reported, "reason": "not\nillegal"}
    async with serving([], kept) as client:
        answers = [await client.post(f"/v1/takedowns/{TAKEDOWN}/outcome", json=body) for _ in range(2)]
    first, second = kept.written
    assert [answer.status_code for answer in answers] == [202, 202]
    assert first.delivery_id == second.delivery_id == answers[0].json()["delivery_id"]
    assert (first.kind, first.outcome, first.channel, first.takedown_id, first.detail) == (
        "answer", outcome, "answers/video", TAKEDOWN, "not illegal",
    )  # fmt: skip


async def test_bad_requests_are_answered_with_what_is_wrong_and_write_nothing() -> None:
    kept = Kept()
    async with serving([event(0)], kept) as client:
        url = f"/v1/takedowns/{TAKEDOWN}/outcome"
        answers = {
            "refused needs a reason": await client.post(url, json={"outcome": "refused", "reason": " "}),
            "Invalid enum value": await client.post(url, json={"outcome": "ignored"}),
            "unknown field": await client.post(url, json={"outcome": "gone", "why": "x"}),
            "beyond the log": await client.get("/v1/takedowns?after=t2"),
        }
        forms = [
            await client.get("/v1/takedowns?after=2"),
            await client.get("/v1/takedowns?limit=0"),
            await client.get("/v1/takedowns?limit=501"),
            await client.post("/v1/takedowns/no-takedown/outcome", json={"outcome": "gone"}),
        ]
    found = {text: (answer.status_code, text in answer.json()["detail"]) for text, answer in answers.items()}
    assert found == dict.fromkeys(answers, (422, True))
    assert {form.status_code for form in forms} == {422}
    assert [form.json()["detail"].rpartition("$.")[2].strip("`") for form in forms] == [
        "after", "limit", "limit", "takedown_id",
    ]  # fmt: skip
    assert kept.written == []


async def test_a_broker_that_is_down_is_503_for_outcomes(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Kept()
    kept.is_down = True
    async with serving([], kept) as client:
        reported = await client.post(f"/v1/takedowns/{TAKEDOWN}/outcome", json={"outcome": "gone"})
        monkeypatch.setattr(log_module, "MAX_WAITING", 0)
        read = await client.get("/v1/takedowns")
    assert (reported.status_code, read.status_code) == (503, 429)


def with_secrets(**secrets: str) -> Settings:
    return load_settings(delivery={"secrets": secrets}, http={"token": "the operator's own token"})


def test_each_platform_has_a_token_of_its_own() -> None:
    assert len(platform_tokens(with_secrets(video=VIDEO, photo=PHOTO), REGISTRY)) == 2
    for secrets, wrong in [
        ({"video": VIDEO}, "the secret photo is missing"),
        ({"video": VIDEO, "photo": "short"}, "the secret photo needs 16 characters"),
        ({"video": VIDEO, "photo": VIDEO}, "the same reader_secret"),
        ({"video": VIDEO, "photo": "the operator's own token"}, "JIKIMI_HTTP_TOKEN"),
    ]:
        with pytest.raises(UsageError, match=wrong):
            platform_tokens(with_secrets(**secrets), REGISTRY)


def test_without_a_reader_secret_there_are_no_routes() -> None:
    assert platform_access(load_settings()) is None
