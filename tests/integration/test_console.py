"""The console over a broker: topics read whole and followed, and a decision that is read back."""

import asyncio
import re
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from schemas.messages import Act, Label
from streams.audit.settings import AuditSettings
from streams.console.actions import Actions
from streams.console.serve import serve_console
from streams.console.store.store import TOPICS, FollowedStore
from streams.errors import TransientError, UsageError
from streams.kafka.messages import read_messages
from streams.kafka.producer import writing
from streams.kafka.topic_admin import create
from streams.rights.person import Person
from streams.rights.settings import ROLES
from streams.settings import Settings, load_settings
from tests.support.deadline import DEADLINE_S
from tests.unit.console.made_site import ago, case, found, letter, waiting
from tests.unit.delivery.notices.made_notices import notice
from tests.unit.made_messages import delivery

POST = "post-1"
MINA = Person("account-of-mina", frozenset(ROLES))


@pytest.fixture
def settings(embedded: str, prefix: str, tmp_path: Path) -> Settings:
    audit = AuditSettings(signing_key_file=tmp_path / "key.pem")
    made = load_settings(bootstrap_servers=embedded, topic_prefix=prefix, audit=audit, desk_folder=tmp_path)
    create(made)
    with writing(made) as writer:
        writer.write("cases", *case())
        writer.write("verdicts", POST, waiting(POST))
        writer.write("takedowns", "takedown-0", found())
        sent = delivery(takedown_id="takedown-0", notice=notice(language="ko"), at=ago(minutes=3))
        writer.write("deliveries", "takedown-0", sent)
        writer.write("dead-letters", "k", letter())
    return made


@pytest.fixture
async def store(settings: Settings) -> AsyncIterator[FollowedStore]:
    crashes: list[Exception] = []
    opened = FollowedStore(settings, crashes.append)
    async with asyncio.timeout(DEADLINE_S):
        await opened.start()
        yield opened
        await opened.stop()
    assert crashes == []


async def test_what_is_in_the_topics_is_in_the_store_and_a_decision_is_read_back(
    settings: Settings, store: FollowedStore
) -> None:
    assert [job.verdict.post.post_id for job in store.reviews.queue()] == [POST]
    assert store.takedowns.find("takedown-0") is not None
    assert store.dead_letters.count("open") == 1
    label = Label(post_id=POST, case_id="case-a", decision="copy", reviewer="mina", at=ago(seconds=0))
    await Actions(settings, store, MINA, "mina").label(label)
    assert store.reviews.queue() == []
    decided = store.reviews.label_of(f"{POST}/case-a")
    assert decided is not None
    assert decided[:2] == ("copy", "mina")
    (act,) = await read_messages(settings, "acts", Act)
    assert (act.act, act.subject, act.by) == ("label", f"{POST}/case-a", "account-of-mina")
    assert act.detail == "as mina, copy"
    await store.current("acts")
    assert store.acts.of_takedown("takedown-0", act.subject) == [(act, None)]


async def test_a_notice_is_read_from_its_record_when_it_is_asked_for(store: FollowedStore) -> None:
    (place,) = store.takedowns.history("takedown-0").notices.values()
    read = await store.notice(place)
    assert read is not None
    assert (read.language, read.good_faith) == ("ko", notice(language="ko").good_faith)


async def test_an_act_that_fails_is_on_record_twice(settings: Settings, store: FollowedStore) -> None:
    with pytest.raises(UsageError, match="no takedown none"):
        await Actions(settings, store, MINA, "mina").approve("none", "hers")
    acts = await read_messages(settings, "acts", Act)
    assert [(act.act, act.why, act.detail.partition(":")[0]) for act in acts] == [
        ("send", "hers", "as mina"),
        ("send", "hers", "failed"),
    ]


async def test_a_second_console_shows_the_same_and_follows_the_first(settings: Settings, store: FollowedStore) -> None:
    other = FollowedStore(settings, lambda _: None)
    await other.start()
    await Actions(settings, store, MINA, "mina").withdraw("case-a", "a test")
    await other.current("cases")
    assert other.cases.find("case-a") is None
    assert other.reviews.queue() == []
    await other.stop()


async def test_a_missing_topic_is_named(embedded: str, prefix: str) -> None:
    lacking = FollowedStore(load_settings(bootstrap_servers=embedded, topic_prefix=f"{prefix}none."), lambda _: None)
    with pytest.raises(ExceptionGroup) as raised:
        await lacking.start()
    assert raised.group_contains(TransientError, match="run `jikimi topics create`")
    await lacking.stop()
    assert len(TOPICS) == 10


async def test_the_service_prints_a_link_takes_a_decision_and_writes_it_when_it_is_stopped(settings: Settings) -> None:
    printed: list[str] = []
    serving = asyncio.create_task(serve_console(settings, 0, "mina", printed.append))
    async with asyncio.timeout(DEADLINE_S):
        while not (links := re.findall(r"http://\S+", " ".join(printed))):
            assert not serving.done(), serving.result()
            await asyncio.sleep(0.05)
        base = links[0].partition("/enter/")[0]
        async with httpx.AsyncClient(timeout=DEADLINE_S, base_url=base, headers={"accept-language": "en"}) as client:
            assert (await client.get(links[0])).headers["location"] == "/"
            job = (await client.get("/reviews/next")).headers["location"]
            html = (await client.get(job)).text
            hidden = dict(re.findall(r'type="hidden" name="(token|post|case|seen)" value="([^"]*)"', html))
            assert (await client.post("/review/decide", data=hidden | {"decision": "copy"})).status_code == 303
            assert await labels(settings) == []  # at once, while it can be undone
            live = (await client.get("/live")).text
        assert "The broker does not answer" not in live
        assert "Which models are live?" in live
        signal.raise_signal(signal.SIGTERM)
        await serving
    assert [(label.decision, label.reviewer, label.verdict is None) for label in await labels(settings)] == [
        ("copy", "mina", False)
    ]


async def labels(settings: Settings) -> list[Label]:
    return await read_messages(settings, "labels", Label)
