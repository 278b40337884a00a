"""The signed log on a real Kafka: clean, tampered with in each way, and where a person lets a takedown go on."""

from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from schemas.ids import record_id
from schemas.messages import Checkpoint, Takedown
from streams.audit.checkpoints import AUDITED, TOPIC, anchor_line, parse_anchor
from streams.audit.signing import Signer, own_signer
from streams.desk.audit.finding import Finding
from streams.desk.audit.verify import open_audit
from streams.desk.withdraw_case import withdraw_case
from streams.kafka.clients import create_codec
from streams.settings import Settings, load_settings
from streams.takedown.life import chained, step
from streams.takedown.signed import signed
from tests.integration.system import Kept, System, by_key
from tests.integration.test_takedown import events_of, open_case, verdict, write_verdicts
from tests.support.brokers import new_prefix
from tests.support.deadline import DEADLINE_S, until

KINDS = ("missing", "reordered", "altered", "forged", "replayed")
"""Ways in which one takedown's events are tampered with; its post is named like the way."""


@pytest.fixture
def thief(tmp_path: Path) -> Signer:
    """Return a signer whose key nobody trusts."""
    return own_signer(load_settings(audit={"signing_key_file": tmp_path / "thief"}))


@pytest.fixture(scope="module")
def filled(shared: System) -> System:
    """Return a system whose takedown stage wrote two events for each post, and a checkpoint over all of them."""
    open_case(shared, "case")
    shared.environment["JIKIMI_AUDIT_CHECKPOINT_S"] = "0.5"
    shared.worker("takedown")
    del shared.environment["JIKIMI_AUDIT_CHECKPOINT_S"]  # a setting of the worker's alone
    write_verdicts(shared, *(verdict(post, "case") for post in KINDS))
    shared.wait("takedowns", lambda kept: len(kept) == len(KINDS))
    withdraw_case(shared.settings, "case")
    shared.wait("takedowns", lambda kept: len(kept) == 2 * len(KINDS))
    return shared


def covering(system: System, n_events: int) -> Checkpoint:
    """Return the checkpoint over this number of events, as soon as it is written."""

    def covers(checkpoint: Checkpoint) -> bool:
        return any((one.topic, one.end) == ("takedowns", n_events) for one in checkpoint.positions)

    found: list[Checkpoint] = system.wait(TOPIC, lambda kept: [k.message for k in kept if covers(k.message)])
    return found[0]


def copy(system: System, takedowns: Iterable[Kept]) -> Settings:
    """Copy the log to topics of its own, with these records in place of the takedowns; return the copy's settings."""
    prefix, servers = new_prefix(), system.settings.bootstrap_servers
    copied = {name: system.records(name) for name in (*AUDITED, TOPIC)} | {"takedowns": takedowns}
    admin = AdminClient({"bootstrap.servers": servers})
    for future in admin.create_topics([NewTopic(prefix + name, 1, 1) for name in copied]).values():
        future.result(DEADLINE_S)
    producer = Producer({"bootstrap.servers": servers, "enable.idempotence": True, "max.in.flight": 1})
    for name, records in copied.items():
        for record in records:
            producer.produce(prefix + name, key=record.key.encode(), value=record.raw)
    assert producer.flush(DEADLINE_S) == 0
    return system.settings.model_copy(update={"topic_prefix": prefix})


def tampered(settings: Settings, kept: list[Kept], thief: Signer) -> list[Kept]:
    """Return the records with the takedown of each post tampered with in the way that its post is named after."""
    places = {
        kind: [number for number, one in enumerate(kept) if one.message.post.post_id == kind] for kind in KINDS
    }  # fmt: skip
    records: list[Kept | None] = list(kept)

    def replace(kind: str, **changes: str) -> Takedown:
        event: Takedown = msgspec.structs.replace(kept[places[kind][1]].message, **changes)
        return event

    def put(place: int, event: Takedown) -> None:
        records[place] = kept[place]._replace(raw=create_codec(settings).encode("takedowns", event))

    records[places["missing"][0]] = None
    first, second = places["reordered"]
    records[first], records[second] = kept[second], kept[first]
    put(places["altered"][1], replace("altered", state="removed"))
    first, second = places["forged"]
    put(second, signed(chained(replace("forged", state="removed"), kept[first].message), thief))
    records.append(kept[places["replayed"][0]])
    return [one for one in records if one is not None]


def findings(lines: str) -> list[Finding]:
    """Return the findings of `jikimi audit verify --json`: every line but the last, which is the summary."""
    return [msgspec.json.decode(line, type=Finding) for line in lines.splitlines()[:-1]]


def test_a_clean_log_verifies_and_each_kind_of_tampering_is_named(filled: System, thief: Signer) -> None:
    kept = filled.records("takedowns")
    anchor = anchor_line(covering(filled, len(kept)))
    assert list(open_audit(copy(filled, kept)).findings(anchor=parse_anchor(anchor))) == []
    (cut,) = open_audit(copy(filled, kept[:-1])).findings()
    assert (cut.kind, cut.topic, cut.offset) == ("truncated", "takedowns", len(kept) - 1)

    prefix = copy(filled, tampered(filled.settings, kept, thief)).topic_prefix
    answer = filled.jikimi_here("audit", "verify", "--json", environment={"JIKIMI_TOPIC_PREFIX": prefix})
    assert answer.code == 1, answer
    found = findings(answer.out)
    expected = {(kind, record_id("takedown", kind, "case")) for kind in KINDS}
    assert {(one.kind, one.takedown_id) for one in found if one.takedown_id} == expected
    assert [(one.kind, one.topic) for one in found if not one.takedown_id] == [("altered", "takedowns")]

    answer = filled.jikimi_here("audit", "verify", "--anchor", anchor)
    assert (answer.code, "was cut or replaced" in answer.out) == (0, True), answer


def test_a_forged_event_freezes_its_takedown_until_a_person_accepts_it(filled: System, thief: Signer) -> None:
    open_case(filled, "other")
    write_verdicts(filled, verdict("one", "other"))
    until(lambda: bool(events_of(filled, "one", "other")))
    (issued,) = events_of(filled, "one", "other")
    forged = signed(step(issued, "removed", "by a thief"), thief)
    filled.write("takedowns", issued.takedown_id, forged)
    filled.flush()  # before the verdicts, whose read barrier then covers it
    write_verdicts(filled, verdict("one", "other"), verdict("two", "other"))
    letters = filled.wait("dead-letters", lambda kept: [one.message for one in kept])
    assert [letter.reason for letter in letters] == ["takedown_frozen"]
    until(lambda: bool(events_of(filled, "two", "other")))  # the other takedowns go on
    withdraw_case(filled.settings, "other")
    until(lambda: len(events_of(filled, "two", "other")) == 2)
    assert events_of(filled, "one", "other") == [issued, forged]

    answer = filled.jikimi_here("audit", "verify")
    assert (answer.code, "1 with an unknown key" in answer.out) == (1, True), answer

    answer = filled.jikimi_here("audit", "accept", forged.event_id, "--why", "the key was stolen")
    assert (answer.code, issued.takedown_id in answer.out) == (0, True), answer
    key = issued.takedown_id
    events: list[Takedown] = filled.wait("takedowns", lambda kept: by_key(kept, key)[2:])
    assert [(one.state, one.previous) for one in events] == [("withdrawn", issued.hash)]
    assert list(open_audit(filled.settings).findings()) == []
