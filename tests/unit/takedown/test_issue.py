from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, get_args

import msgspec
import pytest

from schemas.codec import Codec
from schemas.messages import AppliedLabel, Evidence, Interval, State, Takedown
from streams.kafka.topic_reader import Update
from streams.takedown.index import case_key
from streams.takedown.issue import event_of, next_event
from streams.takedown.life import chained, pending
from streams.takedown.quarantine import TakedownDecision
from tests.unit.made_messages import NOW, delivery, post_ref, removal, takedown, verdict
from tests.unit.takedown.made_log import MadeLog

SPAN = Interval(start_s=0.1, end_s=1 / 3)
EVIDENCE = Evidence(
    modality="visual",
    model="m",
    version="1",
    reference_id="r1",
    medium=0,
    score=0.1 + 0.2,
    probability=2 / 3,
    query=SPAN,
    reference=SPAN,
    thumbnail=b"\xff\xd8blurred",
)
CHANGES: dict[str, Any] = {
    "event_id": "e9",
    "takedown_id": "t9",
    "state": "removed",
    "post": post_ref("p9"),
    "case_id": "case-z",
    "verdict_id": "v9",
    "probability": 0.5,
    "act_at": 0.5,
    "policy_version": "other",
    "evidence": [],
    "at": NOW + timedelta(microseconds=1),
    "previous": b"another",
    "removal": removal(),
    "links": ["t.me/name"],
    "held_for": ["r1"],
    "minor": True,
    "by": "officer-2",
    "why": "seen",
    "delivery": delivery(),
    "label": AppliedLabel(decision="copy", reviewer="kim", at=NOW, offset=1),
}
ISSUED, HELD, WITHDRAWN = TakedownDecision("issued"), TakedownDecision("held", ["r1"]), TakedownDecision("withdrawn")


def life(*states: State) -> list[Takedown]:
    """Return a takedown's events, each linked to the previous one."""
    events: list[Takedown] = []
    for number, state in enumerate(states):
        event = takedown(event_id=f"e{number}", state=state, evidence=[EVIDENCE])
        events.append(chained(event, events[-1] if events else None))
    return events


def is_whole(event: Takedown, previous: Takedown | None) -> bool:
    return chained(event, previous) == event


def test_the_hash_covers_every_field() -> None:
    assert set(CHANGES) | {"hash", "sequence", "key_id", "signature"} == set(Takedown.__struct_fields__)


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_event_is_detected(name: str) -> None:
    (event,) = life("issued")
    assert is_whole(event, None)
    assert not is_whole(msgspec.structs.replace(event, **{name: CHANGES[name]}), None)


def test_a_change_within_the_evidence_is_detected() -> None:
    (event,) = life("issued")
    weaker = msgspec.structs.replace(EVIDENCE, score=0.31)
    assert not is_whole(msgspec.structs.replace(event, evidence=[weaker]), None)


def test_each_event_is_linked_to_the_previous_one() -> None:
    issued, sent, removed = life("issued", "sent", "removed")
    assert (issued.previous, sent.previous, removed.previous) == (b"", issued.hash, sent.hash)
    assert len(issued.hash) == 32
    assert not is_whole(removed, issued)


def test_a_hash_does_not_depend_on_an_earlier_hash_of_the_same_event() -> None:
    (event,) = life("issued")
    assert chained(chained(event, None), None) == event


def test_the_chain_is_whole_after_encoding_and_decoding() -> None:
    codec = Codec()
    previous: Takedown | None = None
    for event in life("issued", "sent", "acknowledged", "removed"):
        read = codec.decode("takedowns", codec.encode("takedowns", event))
        assert isinstance(read, Takedown)
        assert is_whole(read, previous)
        previous = read


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("issued", True),
        ("sent", True),
        ("acknowledged", True),
        ("reappeared", True),
        ("removed", False),
        ("withdrawn", False),
        ("held", False),
    ],
)
def test_a_state_that_still_requests_a_removal_is_pending(state: State, expected: bool) -> None:
    assert pending(state) is expected


def test_a_takedown_has_the_fields_of_its_verdict() -> None:
    basis = verdict(evidence=[EVIDENCE], links=["t.me/name"])
    event = event_of("t1", basis, ISSUED, None)
    assert (event.takedown_id, event.state, event.verdict_id) == ("t1", "issued", basis.verdict_id)
    assert (event.post, event.case_id, event.probability) == (basis.post, basis.case_id, basis.probability)
    assert (event.act_at, event.policy_version, event.evidence) == (basis.act_at, basis.policy_version, [EVIDENCE])
    assert event.links == ["t.me/name"]
    assert is_whole(event, None)


def test_issuing_again_gives_the_same_event_id() -> None:
    first = event_of("t1", verdict(), ISSUED, None)
    assert first.event_id == event_of("t1", verdict(verdict_id="v2"), ISSUED, None).event_id
    assert first.event_id != event_of("t2", verdict(), ISSUED, None).event_id


@pytest.fixture
async def takedown_log() -> AsyncIterator[MadeLog]:
    made = MadeLog()
    yield made
    await made.stop()


async def all_of(takedown_log: MadeLog) -> AsyncIterator[Takedown]:
    async for entry in takedown_log.entries(case_key("case-a"), set(get_args(State))):
        last = await takedown_log.last(entry.row)
        assert last is not None
        yield last


async def test_the_log_has_the_last_event_of_each_takedown(takedown_log: MadeLog) -> None:
    issued, sent = life("issued", "sent")
    assert await takedown_log.last_of("t1") is None
    takedown_log.write(issued)
    takedown_log.write(sent)
    assert await takedown_log.last_of("t1") == takedown_log.signed(sent)
    assert [event async for event in all_of(takedown_log)] == [takedown_log.signed(sent)]


async def test_a_record_that_cannot_be_decoded_is_passed_over(takedown_log: MadeLog) -> None:
    issued, sent = life("issued", "sent")
    values = [Codec().encode("takedowns", issued), b"no avro", Codec().encode("takedowns", sent)]
    takedown_log.topic = [issued, issued, sent]
    takedown_log._apply_updates([Update(b"t1", value, 0, offset) for offset, value in enumerate(values)])
    assert await takedown_log.last_of("t1") == sent


async def test_a_repeated_event_changes_nothing(takedown_log: MadeLog) -> None:
    issued, sent = life("issued", "sent")
    for event in (issued, issued, sent, issued, sent, sent):
        takedown_log.write(event)
    assert await takedown_log.last_of("t1") == takedown_log.signed(sent)


async def test_an_event_that_does_not_follow_the_last_one_is_ignored(takedown_log: MadeLog) -> None:
    issued, sent = life("issued", "sent")
    fork = chained(takedown(event_id="fork", state="withdrawn"), issued)
    out_of_nothing = chained(takedown(event_id="other", state="removed"), takedown(hash=b"unknown"))
    for event in (issued, sent, fork, out_of_nothing):
        takedown_log.write(event)
    assert await takedown_log.last_of("t1") == takedown_log.signed(sent)


async def test_a_takedown_issued_by_two_workers_is_issued_once(takedown_log: MadeLog) -> None:
    first = event_of("t1", verdict(), ISSUED, None)
    second = chained(msgspec.structs.replace(first, at=first.at + timedelta(seconds=1)), None)
    takedown_log.write(first)
    takedown_log.write(second)
    assert await takedown_log.last_of("t1") == takedown_log.signed(first)


async def test_the_log_reads_the_topic(takedown_log: MadeLog) -> None:
    events = life("issued", "sent")
    values = [takedown_log._codec.encode("takedowns", event) for event in events]
    takedown_log.topic = events
    takedown_log._apply_updates([Update(b"t1", value, 0, offset) for offset, value in enumerate([*values, None])])
    assert await takedown_log.last_of("t1") == events[-1]


async def states_after(takedown_log: MadeLog, *decisions: TakedownDecision) -> list[State]:
    """Apply the events after verdicts on one post with these decisions, and return their states."""
    states: list[State] = []
    for decision in decisions:
        event = await next_event(takedown_log, verdict(), "case-a", decision)
        if event is not None:
            takedown_log.write(event)
            states.append(event.state)
    return states


@pytest.mark.parametrize(
    ("decisions", "states"),
    [
        ([ISSUED, ISSUED, HELD], ["issued"]),
        ([HELD, HELD, ISSUED, ISSUED], ["held", "issued"]),
        ([WITHDRAWN], []),
        ([HELD, WITHDRAWN], ["held"]),
    ],
)
async def test_a_repeated_verdict_writes_no_second_event(
    takedown_log: MadeLog, decisions: list[TakedownDecision], states: list[State]
) -> None:
    assert await states_after(takedown_log, *decisions) == states


async def test_a_withdrawn_takedown_is_issued_on_another_basis(takedown_log: MadeLog) -> None:
    await states_after(takedown_log, HELD)
    held = takedown_log.topic[-1]
    withdrawn = chained(msgspec.structs.replace(held, event_id="e2", state="withdrawn"), held)
    takedown_log.write(withdrawn)
    assert await states_after(takedown_log, ISSUED) == ["issued"]
    last = takedown_log.topic[-1]
    assert last.previous == withdrawn.hash
    assert last.event_id != held.event_id


@pytest.mark.parametrize(
    ("first", "second", "is_written"), [(HELD, HELD, False), (HELD, ISSUED, True), (ISSUED, HELD, False)]
)
async def test_a_held_takedown_does_not_block_an_issue_for_an_edited_post_at_its_url(
    takedown_log: MadeLog, first: TakedownDecision, second: TakedownDecision, is_written: bool
) -> None:
    await states_after(takedown_log, first)
    edited = verdict(post=post_ref("edited"))
    assert (await next_event(takedown_log, edited, "case-a", second) is not None) is is_written
