"""Not a copy, allowed from then on, on a broker: by `jikimi label POST CASE other --allow`, and by the console."""

from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest
from confluent_kafka import Producer

from schemas.codec import Codec
from schemas.messages import Act, Case, Label, Medium, Message, Post
from streams.audit.settings import AuditSettings
from streams.cases.entries import case_key
from streams.console.actions import Actions
from streams.console.store.store import FollowedStore
from streams.errors import UsageError
from streams.kafka.messages import read_messages
from streams.kafka.topic_admin import create
from streams.rights.person import Person
from streams.rights.settings import Role
from streams.settings import load_settings
from tests.integration.system import running
from tests.support.deadline import DEADLINE_S
from tests.unit.made_messages import NOW, POLICY

MEDIA = Path(__file__).parents[2] / "streams" / "demo" / "media"
POST = Post(
    post_id="p1",
    platform="demo",
    url="https://made.example/1",
    published_at=NOW,
    seen_at=NOW,
    media=[Medium(url=(MEDIA / "branch.mp4").as_uri())],
)
CASE = Case(case_id="case-a", name="A", opened_at=NOW, policy=POLICY)


def test_not_a_copy_becomes_an_allow_list_with_one_word(embedded: str, prefix: str, tmp_path: Path) -> None:
    environment = {
        "JIKIMI_MEDIA_FILE_ROOTS": str(MEDIA),
        "JIKIMI_AUDIT_SIGNING_KEY_FILE": str(tmp_path / "key.pem"),
    }
    with contextmanager(running)(embedded, prefix, tmp_path) as system:
        write(embedded, prefix, {("posts", "p1"): POST, ("cases", case_key("case-a")): CASE})
        refused = system.jikimi_here("label", "p1", "case-a", "copy", "--allow", environment=environment)
        made = system.jikimi_here(
            "label", "p1", "case-a", "other", "--allow", "--note", "an advert", environment=environment
        )
        (label,) = system.wait("labels", list)
        entries = [kept.message for kept in system.records("cases") if kept.message.benign]
    assert (refused.code, refused.err.split(":")[1]) == (2, " --allow goes with other")
    assert made.code == 0, made.err
    assert label.message.decision == "other"
    assert {entry.case_id for entry in entries} == {made.out.splitlines()[-1]}
    assert {entry.name for entry in entries} == {"not a copy: p1"}
    assert {"visual", "audio"} <= {entry.reference.modality for entry in entries}


async def test_the_console_allows_it_with_the_same_act(
    embedded: str, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JIKIMI_MEDIA_FILE_ROOTS", str(MEDIA))
    audit = AuditSettings(signing_key_file=tmp_path / "key.pem")
    settings = load_settings(bootstrap_servers=embedded, topic_prefix=prefix, audit=audit, desk_folder=tmp_path)
    create(settings)
    write(embedded, prefix, {("posts", "p1"): POST, ("cases", case_key("case-a")): CASE})

    class ReadAtOnce:
        async def current(self, *_: str) -> None:
            """Return at once; the console reads its own allow-list later."""

    def actions(*roles: Role) -> Actions:
        return Actions(settings, cast("FollowedStore", ReadAtOnce()), Person("ana", frozenset(roles)), "mina")

    label = Label(post_id="p1", case_id="case-a", decision="other", reviewer="mina", at=NOW, note="an advert")
    with pytest.raises(UsageError, match="may not open an allow-list"):
        await actions("reviewer").allow(label)
    await actions("officer").allow(label)
    entries = [entry for entry in await read_messages(settings, "cases", Case) if entry.benign]
    (act,) = await read_messages(settings, "acts", Act)
    assert {entry.name for entry in entries} == {"not a copy: p1"}
    assert {"visual", "audio"} <= {entry.reference.modality for entry in entries if entry.reference is not None}
    assert (act.act, act.by, act.why, act.subject) == ("allow", "ana", "an advert", entries[0].case_id)


def write(bootstrap: str, prefix: str, messages: dict[tuple[str, str], Message]) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random"})
    for (topic, key), message in messages.items():
        producer.produce(prefix + topic, Codec().encode(topic, message), key)
    assert producer.flush(DEADLINE_S) == 0
