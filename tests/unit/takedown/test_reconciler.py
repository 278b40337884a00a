"""Reconciliation follows changes: what a closed case, a review or an event concerns, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import pytest

from schemas.messages import Message, Standing, StandingKind, Takedown
from streams.cases.open_cases import OpenCase, OpenCases
from streams.cases.reference_reviews import ReferenceReviews, standing_key
from streams.kafka.partitions import key_hash, partition_of
from streams.kafka.topic_reader import Update
from streams.takedown.life import chained
from streams.takedown.quarantine import Quarantine
from streams.takedown.reconciler import Reconciler
from tests.unit.made_messages import POLICY, post_ref, takedown
from tests.unit.takedown.made_log import MadeLog
from tests.unit.takedown.test_quarantine import evidence_of

NOW = datetime.now(UTC)
ALL = set(range(8))


class Rig:
    """A reconciler over topics that are written here."""

    def __init__(self, limit: int = 100) -> None:
        self.owned, self.generation = ALL, 1
        self.log = MadeLog(
            send=self._send, owned=lambda _: self.owned, generation=lambda: self.generation, cases=self._cases()
        )
        context = self.log.context
        self.reviews = ReferenceReviews(context.settings, context.codec, context.crash)
        self.reviews.current = self._nothing  # type: ignore[method-assign]  # there is no broker
        self.quarantine = Quarantine(self.log, self.reviews, limit)
        self.reconciler = Reconciler(context, self.log, self.quarantine)

    def _cases(self) -> OpenCases:
        log = MadeLog()  # for its settings
        self.cases = OpenCases(log.context.settings, log.context.codec, log.context.crash)
        self.cases.start = self.cases.current = self._nothing  # type: ignore[method-assign]
        opened = OpenCase(POLICY, "shared_without_consent", minor=False, authority="")
        self.cases._open = {"case-a": opened, "case-b": opened}
        return self.cases

    async def _nothing(self) -> None:
        pass

    async def _send(self, topic: str, key: str, message: Message) -> None:
        assert isinstance(message, Takedown)
        assert (topic, key) == ("takedowns", message.takedown_id)
        self.log.write(message)

    def issue(self, number: int, case_id: str = "case-a", reference_id: str = "r1", state: str = "issued") -> None:
        event = takedown(
            takedown_id=f"t{number}",
            case_id=case_id,
            state=state,
            post=post_ref(f"p{number}"),
            evidence=[evidence_of(reference_id)],
            held_for=[reference_id] if state == "held" else [],
            at=NOW,
        )
        self.log.write(chained(event, None))

    def review(self, reference_id: str, kind: StandingKind, case_id: str = "case-a") -> None:
        standing = Standing(case_id=case_id, reference_id=reference_id, standing=kind, why="seen", by="officer", at=NOW)
        value = self.log.context.codec.encode("standings", standing)
        self.reviews.apply([Update(standing_key(case_id, reference_id).encode(), value, 0, 0)])

    def close(self, case_id: str) -> None:
        self.cases.apply([Update(case_id.encode(), None, 0, 0)])

    async def settle(self) -> None:
        """Run until nothing is due, and count the events read."""
        self.log.reads = 0
        for _ in range(100):
            await asyncio.sleep(0)

    @property
    def states(self) -> dict[str, str]:
        return {event.takedown_id: event.state for event in self.log.topic}


@asynccontextmanager
async def running[R: Rig](made: R) -> AsyncIterator[R]:
    """Run a rig's reconciler, and yield the rig once nothing is due."""
    task = asyncio.create_task(made.reconciler.run())
    await made.settle()
    yield made
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await made.log.stop()


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with running(Rig()) as made:
        yield made


async def test_the_quarantine_of_a_closed_case_is_forgotten_and_of_an_open_one_kept(rig: Rig) -> None:
    rig.issue(1, state="held")
    rig.issue(2, case_id="case-b", state="held")
    rig.close("case-a")
    await rig.settle()
    assert rig.quarantine.cases() == ["case-b"]
    rig.issue(3, state="held")  # by a worker that had not read the close
    await rig.settle()
    assert rig.quarantine.cases() == ["case-b"]
    assert rig.states == {"t1": "withdrawn", "t2": "held", "t3": "withdrawn"}


async def test_the_quarantine_of_a_case_that_was_closed_before_the_start_is_forgotten() -> None:
    made = Rig()
    made.issue(1, case_id="case-b", state="held")
    made.issue(2, case_id="case-closed", state="held")
    made.owned = set()
    async with running(made):
        assert made.quarantine.cases() == ["case-b"]


async def test_a_review_reads_the_takedowns_of_its_reference_only(rig: Rig) -> None:
    for number in range(50):
        rig.issue(number, reference_id=f"r{number % 10}")
    await rig.settle()
    assert rig.log.reads == 0
    rig.review("r3", "withdrawn")
    await rig.settle()
    assert {name for name, state in rig.states.items() if state == "withdrawn"} == {"t3", "t13", "t23", "t33", "t43"}
    assert rig.log.reads == 10  # before and under the lock


async def test_a_closed_case_withdraws_its_takedowns_only(rig: Rig) -> None:
    for number in range(6):
        rig.issue(number, case_id="case-a" if number % 2 else "case-b")
    rig.close("case-a")
    await rig.settle()
    assert rig.states == {f"t{n}": "withdrawn" if n % 2 else "issued" for n in range(6)}


async def test_a_confirmed_reference_releases_what_was_held_for_it(rig: Rig) -> None:
    for number in range(4):
        rig.issue(number, reference_id="r1" if number % 2 else "r2", state="held")
    rig.review("r1", "confirmed")
    await rig.settle()
    released = [name for name, state in rig.states.items() if state in {"issued", "withdrawn"}]
    assert released == ["t1", "t3"]  # one url, so the second is withdrawn as a repetition
    assert rig.states == {"t0": "held", "t1": "issued", "t2": "held", "t3": "withdrawn"}


async def test_an_event_written_while_its_case_was_closed_is_withdrawn(rig: Rig) -> None:
    rig.close("case-a")
    await rig.settle()
    rig.issue(1)
    await rig.settle()
    assert rig.states == {"t1": "withdrawn"}


async def test_an_event_written_while_its_reference_was_withdrawn_is_withdrawn(rig: Rig) -> None:
    rig.review("r1", "withdrawn")
    await rig.settle()
    rig.issue(1)
    rig.issue(2, reference_id="r2")
    await rig.settle()
    assert rig.states == {"t1": "withdrawn", "t2": "issued"}


async def test_partitions_that_are_newly_assigned_are_checked(rig: Rig) -> None:
    kept = partition_of(key_hash(b"p1"), 8)
    rig.owned, rig.generation = {kept}, 2
    await moved(rig, {kept})
    rig.issue(1)
    rig.issue(2)
    rig.issue(4)
    assert [partition_of(key_hash(key), 8) == kept for key in (b"p1", b"p2", b"p4")] == [True, True, False]
    rig.close("case-a")
    await rig.settle()
    assert rig.states == {"t1": "withdrawn", "t2": "withdrawn", "t4": "issued"}
    rig.owned, rig.generation = ALL, 3
    await moved(rig, ALL)
    await rig.settle()
    assert rig.states == {"t1": "withdrawn", "t2": "withdrawn", "t4": "withdrawn"}


async def moved(rig: Rig, partitions: set[int]) -> None:
    """Return when the reconciler has seen an assignment."""
    while rig.reconciler._checked != partitions:  # noqa: ASYNC110 - it has no event
        await asyncio.sleep(0.05)


async def test_a_takedown_held_by_a_rate_limit_alone_is_decided_again_when_it_ends() -> None:
    small = Rig(limit=1)
    small.issue(1, reference_id="r2")
    small.issue(2, reference_id="r1", state="held")
    (held,) = [event for event in small.log.topic if event.state == "held"]
    assert small.quarantine.limited_for_s("case-a", held, NOW) is None  # waits for a review
    small.review("r1", "confirmed")
    limited = takedown(evidence=[evidence_of("r1", 0.9), evidence_of("r2", 0.8)], at=NOW)
    wait_s = small.quarantine.limited_for_s("case-a", limited, NOW)
    assert wait_s == pytest.approx(3600, abs=1)
    await small.log.stop()


async def test_the_rate_limit_keeps_no_more_than_it_needs() -> None:
    small = Rig(limit=3)
    for number in range(20):
        small.issue(number)
    assert [len(times) for times in small.quarantine._issued_at.values()] == [3]
    await small.log.stop()
