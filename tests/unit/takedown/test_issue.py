from collections.abc import AsyncIterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from schemas.codec import Codec
from schemas.messages import Evidence, Interval, State, Takedown
from streams.engine.app import Context
from streams.kafka.topic_reader import Update
from streams.settings import load_settings
from streams.takedown.issue import _event, following
from streams.takedown.log import TakedownLog, chained, pending
from streams.takedown.quarantine import Fate
from tests.unit.made_messages import NOW, post_ref, removal, takedown, verdict

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
}
ISSUED, HELD = Fate("issued"), Fate("held", ["r1"])


def life(*states: State) -> list[Takedown]:
    """Return a takedown's events, each linked to the one before."""
    events: list[Takedown] = []
    for number, state in enumerate(states):
        event = takedown(event_id=f"e{number}", state=state, evidence=[EVIDENCE])
        events.append(chained(event, events[-1] if events else None))
    return events


def is_whole(event: Takedown, previous: Takedown | None) -> bool:
    return chained(event, previous) == event


def test_every_field_is_held_by_the_hash() -> None:
    assert set(CHANGES) | {"hash"} == set(Takedown.__struct_fields__)


@pytest.mark.parametrize("name", CHANGES)
def test_an_event_that_was_changed_is_seen(name: str) -> None:
    (event,) = life("issued")
    assert is_whole(event, None)
    assert not is_whole(msgspec.structs.replace(event, **{name: CHANGES[name]}), None)


def test_an_event_within_the_evidence_that_was_changed_is_seen() -> None:
    (event,) = life("issued")
    weaker = msgspec.structs.replace(EVIDENCE, score=0.31)
    assert not is_whole(msgspec.structs.replace(event, evidence=[weaker]), None)


def test_each_event_is_linked_to_the_one_before() -> None:
    issued, sent, removed = life("issued", "sent", "removed")
    assert (issued.previous, sent.previous, removed.previous) == (b"", issued.hash, sent.hash)
    assert len(issued.hash) == 32
    assert not is_whole(removed, issued)


def test_a_hash_does_not_depend_on_an_earlier_hash_of_the_same_event() -> None:
    (event,) = life("issued")
    assert chained(chained(event, None), None) == event


def test_the_chain_still_holds_after_the_wire() -> None:
    codec = Codec()
    known: Takedown | None = None
    for event in life("issued", "sent", "acknowledged", "removed"):
        read = codec.decode("takedowns", codec.encode("takedowns", event))
        assert isinstance(read, Takedown)
        assert is_whole(read, known)
        known = read


@pytest.mark.parametrize(
    ("state", "asks"),
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
def test_what_still_asks_a_platform_for_something_is_pending(state: State, asks: bool) -> None:
    assert pending(state) is asks


def test_a_takedown_says_what_its_verdict_says() -> None:
    cause = verdict(evidence=[EVIDENCE], links=["t.me/name"])
    event = _event("t1", cause, ISSUED, None)
    assert (event.takedown_id, event.state, event.verdict_id) == ("t1", "issued", cause.verdict_id)
    assert (event.post, event.case_id, event.probability) == (cause.post, cause.case_id, cause.probability)
    assert (event.act_at, event.policy_version, event.evidence) == (cause.act_at, cause.policy_version, [EVIDENCE])
    assert event.links == ["t.me/name"]
    assert is_whole(event, None)


def test_issuing_again_gives_the_same_event_id() -> None:
    first = _event("t1", verdict(), ISSUED, None)
    assert first.event_id == _event("t1", verdict(verdict_id="v2"), ISSUED, None).event_id
    assert first.event_id != _event("t2", verdict(), ISSUED, None).event_id


@pytest.fixture
async def takedown_log() -> AsyncIterator[TakedownLog]:
    settings = load_settings(bootstrap_servers="127.0.0.1:9")
    # What the takedown_log takes from a context; it is never started, so no broker is asked.
    context = SimpleNamespace(settings=settings, codec=Codec(), physical=lambda name: name, crash=pytest.fail)
    made = TakedownLog(cast("Context", context))
    yield made
    await made._reader.stop()


async def test_the_log_has_the_last_event_of_each_takedown(takedown_log: TakedownLog) -> None:
    issued, sent = life("issued", "sent")
    assert takedown_log.last("t1") is None
    takedown_log.note(issued)
    takedown_log.note(sent)
    assert takedown_log.last("t1") == sent
    assert takedown_log.all() == [sent]


async def test_an_event_seen_twice_changes_nothing(takedown_log: TakedownLog) -> None:
    issued, sent = life("issued", "sent")
    for event in (issued, issued, sent, issued, sent, sent):
        takedown_log.note(event)
    assert takedown_log.last("t1") == sent


async def test_an_event_that_does_not_follow_from_the_last_is_not_taken(takedown_log: TakedownLog) -> None:
    issued, sent = life("issued", "sent")
    fork = chained(takedown(event_id="fork", state="withdrawn"), issued)
    out_of_nothing = chained(takedown(event_id="other", state="removed"), takedown(hash=b"unknown"))
    for event in (issued, sent, fork, out_of_nothing):
        takedown_log.note(event)
    assert takedown_log.last("t1") == sent


async def test_a_takedown_issued_by_two_workers_is_issued_once(takedown_log: TakedownLog) -> None:
    first = _event("t1", verdict(), ISSUED, None)
    second = chained(msgspec.structs.replace(first, at=first.at + timedelta(seconds=1)), None)
    takedown_log.note(first)
    takedown_log.note(second)
    assert takedown_log.last("t1") == first


async def test_the_log_reads_what_was_written(takedown_log: TakedownLog) -> None:
    events = life("issued", "sent")
    values = [takedown_log._codec.encode("takedowns", event) for event in events]
    takedown_log._apply([Update(b"t1", value, 0, offset) for offset, value in enumerate([*values, None])])
    assert takedown_log.last("t1") == events[-1]


def told(takedown_log: TakedownLog, *fates: Fate) -> list[State]:
    """Give the takedown_log what verdicts on one post bring, one after the other, and return the states it came to."""
    states: list[State] = []
    for fate in fates:
        event = following(takedown_log, verdict(), "case-a", fate)
        if event is not None:
            takedown_log.note(event)
            states.append(event.state)
    return states


@pytest.mark.parametrize(
    ("fates", "states"),
    [
        ([ISSUED, ISSUED, HELD], ["issued"]),
        ([HELD, HELD, ISSUED, ISSUED], ["held", "issued"]),
        ([Fate("withdrawn")], []),
        ([HELD, Fate("withdrawn")], ["held"]),
    ],
)
async def test_a_verdict_brings_what_it_has_not_brought_before(
    takedown_log: TakedownLog, fates: list[Fate], states: list[State]
) -> None:
    assert told(takedown_log, *fates) == states


async def test_what_was_withdrawn_is_issued_when_there_is_another_reason(takedown_log: TakedownLog) -> None:
    told(takedown_log, HELD)
    held = takedown_log.all()[0]
    withdrawn = chained(msgspec.structs.replace(held, event_id="e2", state="withdrawn"), held)
    takedown_log.note(withdrawn)
    assert told(takedown_log, ISSUED) == ["issued"]
    last = takedown_log.all()[0]
    assert last.previous == withdrawn.hash
    assert last.event_id != held.event_id


@pytest.mark.parametrize(
    ("first", "second", "comes"), [(HELD, HELD, False), (HELD, ISSUED, True), (ISSUED, HELD, False)]
)
async def test_what_is_held_keeps_no_edited_post_at_its_url_from_being_issued(
    takedown_log: TakedownLog, first: Fate, second: Fate, comes: bool
) -> None:
    told(takedown_log, first)
    edited = verdict(post=post_ref("edited"))
    assert (following(takedown_log, edited, "case-a", second) is not None) is comes
