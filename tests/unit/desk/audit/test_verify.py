"""Every kind of tampering with the log is found and named, and none in a log that nobody touched."""

import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from schemas.messages import Act, Takedown
from streams.audit import checkpoints, signatures
from streams.audit.checkpointer import Checkpointer
from streams.audit.signing import own_signer
from streams.audit.trusted_keys import TrustedKeys
from streams.desk.audit.finding import Finding
from streams.desk.audit.verify import Audit
from streams.kafka.range_reader import RangeRecord
from streams.settings import load_settings
from streams.takedown.accepted import Acceptance
from streams.takedown.life import chained, step
from streams.takedown.signed import signed
from tests.unit.audit.made_topics import MadeTopics
from tests.unit.made_messages import takedown

N = 4
"""Takedowns, each of three events, one round after the other, with a checkpoint after each round."""


class Log(MadeTopics):
    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.settings = load_settings(audit={"signing_key_file": folder / "key"})
        self.signer = own_signer(self.settings)
        self.thief = own_signer(load_settings(audit={"signing_key_file": folder / "thief"}))
        self.keys = TrustedKeys([self.signer.pem])
        self.last: dict[str, Takedown] = {}

    def fill(self) -> None:
        self.act("open")
        for number in range(N):
            self.event(chained(takedown(takedown_id=f"t{number}", event_id=f"e{number}", case_id=f"c{number}"), None))
        self.checkpoint()
        for state in ("sent", "removed"):
            for number in range(N):
                self.event(step(self.last[f"t{number}"], state))
            self.checkpoint()

    def event(self, event: Takedown) -> None:
        self.last[event.takedown_id] = signed(event, self.signer)
        self.write("takedowns", event.takedown_id, self.last[event.takedown_id])

    def act(self, act: str, by: str = "officer", detail: str = "") -> None:
        made = Act(
            act_id=str(self.end("acts")), act=act, subject="c", by=by, why="why", at=datetime.now(UTC), detail=detail
        )
        self.write("acts", "c", signatures.signed(made, self.signer))

    def checkpoint(self) -> None:
        made = Checkpointer(self.settings, self.codec, self.signer, self.keys, self.reader).next()
        if made is not None:
            self.write(checkpoints.TOPIC, checkpoints.KEY, made)

    def read(self, offset: int) -> Takedown:
        event = self.codec.decode("takedowns", self.records["takedowns"][offset].value or b"")
        assert isinstance(event, Takedown)
        return event

    def replace(self, offset: int, event: Takedown) -> None:
        value = self.codec.encode("takedowns", event)
        self.records["takedowns"][offset] = self.records["takedowns"][offset]._replace(value=value)

    def anchor(self) -> checkpoints.Anchor:
        made = self.codec.decode(checkpoints.TOPIC, self.records[checkpoints.TOPIC][-1].value or b"")
        return checkpoints.parse_anchor(checkpoints.anchor_line(made))  # type: ignore[arg-type]

    def found(self, case_id: str = "", anchor: checkpoints.Anchor | None = None) -> list[Finding]:
        return list(Audit(self.codec, self.keys, self.reader).findings(case_id, anchor))


@pytest.fixture
def log(tmp_path: Path) -> Log:
    made = Log(tmp_path)
    made.fill()
    return made


def renumbered(records: list[RangeRecord]) -> list[RangeRecord]:
    """Return records as a copied topic has them: with offsets without gaps."""
    return [record._replace(offset=offset) for offset, record in enumerate(records)]


def without(log: Log, offset: int) -> None:
    records = log.records["takedowns"]
    log.records["takedowns"] = renumbered(records[:offset] + records[offset + 1 :])


def exchanged(log: Log, offset: int, other: int) -> None:
    records = log.records["takedowns"]
    order = {offset: other, other: offset}
    log.records["takedowns"] = renumbered([records[order.get(number, number)] for number in range(len(records))])


def altered(log: Log, offset: int) -> None:
    log.replace(offset, msgspec.structs.replace(log.read(offset), state="withdrawn"))


def forged(log: Log, offset: int) -> None:
    event = msgspec.structs.replace(log.read(offset), state="withdrawn", hash=b"")
    before = log.read(offset - N)
    log.replace(offset, signed(chained(event, before), log.thief))


def truncated(log: Log, offset: int) -> None:
    del log.records["takedowns"][offset:]


def replayed(log: Log, offset: int) -> None:
    log.records["takedowns"].append(log.records["takedowns"][offset]._replace(offset=log.end("takedowns")))


def test_nothing_is_found_in_a_log_that_nobody_touched(log: Log) -> None:
    audit = Audit(log.codec, log.keys, log.reader)
    assert list(audit.findings(anchor=log.anchor())) == []
    summary = audit.summary()
    assert (summary.events, summary.unsigned, summary.at_once, summary.acts, summary.checkpoints) == (3 * N, 0, 0, 1, 3)


@pytest.mark.parametrize(
    ("tamper", "kind", "takedown_id", "offset"),
    [
        (lambda log: without(log, N + 1), "missing", "t1", 2 * N),  # its next event has moved up by one
        (lambda log: exchanged(log, N + 1, 2 * N + 1), "reordered", "t1", N + 1),
        (lambda log: altered(log, N + 1), "altered", "t1", N + 1),
        (lambda log: forged(log, N + 1), "forged", "t1", N + 1),
        (lambda log: replayed(log, 1), "replayed", "t1", 3 * N),
    ],
    ids=["missing", "reordered", "altered", "forged", "replayed"],
)
def test_tampering_with_an_event_is_found_at_its_takedown(
    log: Log, tamper: Callable[[Log], None], kind: str, takedown_id: str, offset: int
) -> None:
    tamper(log)
    found = [finding for finding in log.found() if finding.takedown_id]
    assert [(one.kind, one.takedown_id, one.offset) for one in found] == [(kind, takedown_id, offset)]
    assert found[0].event_id
    assert "\n" not in found[0].line()
    assert [one.takedown_id for one in log.found(case_id="c1") if one.takedown_id] == ["t1"]
    assert not [one for one in log.found(case_id="c2") if one.takedown_id]


def test_a_cut_log_is_found_by_its_checkpoints(log: Log) -> None:
    truncated(log, 2 * N + 1)
    (found,) = log.found()
    assert (found.kind, found.topic, found.offset) == ("truncated", "takedowns", 2 * N + 1)


def test_a_missing_whole_takedown_is_found_by_the_digest(log: Log) -> None:
    log.records["takedowns"] = renumbered([one for one in log.records["takedowns"] if one.key != b"t2"])
    assert {(one.kind, one.topic) for one in log.found()} == {("altered", "takedowns")}


def test_both_topics_cut_together_are_found_by_the_anchor(log: Log) -> None:
    anchor = log.anchor()
    truncated(log, 2 * N)
    del log.records[checkpoints.TOPIC][2:]
    assert log.found() == []
    (found,) = log.found(anchor=anchor)
    assert (found.kind, found.topic) == ("truncated", checkpoints.TOPIC)


def test_a_log_made_anew_with_another_trusted_key_is_found_by_the_anchor(log: Log, tmp_path: Path) -> None:
    anchor = log.anchor()
    again = Log(tmp_path)
    again.fill()
    (found,) = again.found(anchor=anchor)
    assert (found.kind, found.topic) == ("altered", checkpoints.TOPIC)


@pytest.mark.parametrize("topic", ["acts", "labels"])
def test_records_of_the_other_topics_are_covered(log: Log, topic: str) -> None:
    value = log.records["acts"][0].value
    log.records[topic].append(RangeRecord(log.end(topic), value, {}, b"k"))
    log.checkpoint()
    log.records[topic][-1] = log.records[topic][-1]._replace(value=b"other")
    assert ("altered", topic) in {(one.kind, one.topic) for one in log.found()}


def test_forged_replayed_and_unexplained_acts_are_named(log: Log) -> None:
    record = log.records["acts"][0]
    log.records["acts"].append(record._replace(offset=1))
    log.act("label", by=" ")
    made = log.codec.decode("acts", record.value or b"")
    assert isinstance(made, Act)
    log.write("acts", "c", signatures.signed(msgspec.structs.replace(made, act_id="x"), log.thief))
    log.write("acts", "c", msgspec.structs.replace(made, why="another"))
    assert [(one.kind, one.offset) for one in log.found()] == [
        ("replayed", 1), ("unexplained", 2), ("forged", 3), ("forged", 4),
    ]  # fmt: skip


def test_forged_replayed_and_missing_checkpoints_are_named(log: Log) -> None:
    records = log.records[checkpoints.TOPIC]
    first = log.codec.decode(checkpoints.TOPIC, records[0].value or b"")
    log.write(checkpoints.TOPIC, checkpoints.KEY, signatures.signed(first, log.thief))  # type: ignore[type-var]
    records.append(records[0]._replace(offset=4))
    assert [(one.kind, one.offset) for one in log.found()] == [("forged", 3), ("replayed", 4)]
    del records[1]
    assert ("missing", 2) in [(one.kind, one.offset) for one in log.found()]


def test_events_of_two_workers_at_once_and_older_unsigned_ones_are_no_findings(tmp_path: Path) -> None:
    log = Log(tmp_path)
    old = msgspec.structs.replace(chained(takedown(takedown_id="old"), None), sequence=0)
    log.write("takedowns", "old", old)
    log.event(step(old, "sent"))
    log.write("takedowns", "old", signed(step(old, "acknowledged"), log.signer))
    audit = Audit(log.codec, log.keys, log.reader)
    assert list(audit.findings()) == []
    assert (audit.summary().events, audit.summary().unsigned, audit.summary().at_once) == (2, 1, 1)
    log.write("takedowns", "other", chained(takedown(takedown_id="other"), None))
    assert [one.kind for one in log.found()] == ["forged"], "unsigned, after the first signed one"


def test_what_a_person_accepted_is_no_finding(log: Log) -> None:
    altered(log, 2 * N + 1)
    log.act("accept", detail=Acceptance("t1", 0, 3 * N).detail())
    assert not [one for one in log.found() if one.takedown_id]


def test_any_single_change_of_any_byte_is_found(log: Log) -> None:
    chance = random.Random(7)
    for _ in range(60):
        topic = chance.choice(["takedowns", "acts", checkpoints.TOPIC])
        offset = chance.randrange(len(log.records[topic]))
        before = log.records[topic][offset]
        value = bytearray(before.value or b"")
        value[chance.randrange(len(value))] ^= 1 << chance.randrange(8)
        log.records[topic][offset] = before._replace(value=bytes(value))
        assert log.found(anchor=log.anchor() if topic != checkpoints.TOPIC else None), (topic, offset)
        log.records[topic][offset] = before
