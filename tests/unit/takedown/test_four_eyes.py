"""Takedowns of a case that no second person has confirmed are held, and issued once one has."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from schemas.messages import Standing
from streams.cases.open_cases import OpenCase
from streams.cases.reference_reviews import standing_key
from streams.kafka.topic_reader import Update
from streams.takedown.four_eyes import FourEyes
from streams.takedown.life import chained, step
from streams.takedown.quarantine import Quarantine, TakedownDecision
from streams.takedown.reconciler import Reconciler
from tests.unit.made_messages import POLICY, post_ref, takedown, verdict
from tests.unit.takedown.test_decided import Rig as Deciding
from tests.unit.takedown.test_quarantine import evidence_of
from tests.unit.takedown.test_reconciler import NOW, running

CASE = "case-a"
ISSUED, WAITS = TakedownDecision("issued"), TakedownDecision("held", [CASE])


class Rig(Deciding):
    """The reconciler, labels and verdicts of one case, which kim opened."""

    def __init__(self, *, always: bool = True, asked: bool = False, limit: int = 100) -> None:
        super().__init__(limit)
        policy = msgspec.structs.replace(POLICY, four_eyes=asked)
        self.cases._open[CASE] = OpenCase(policy, "synthetic", minor=False, authority="", opened_by="kim")
        self.quarantine = Quarantine(self.log, self.reviews, limit, FourEyes(self.cases, self.reviews, always=always))
        self.reconciler = Reconciler(self.log.context, self.log, self.quarantine)
        self.decisions._quarantine = self.quarantine

    def confirm(self, account: str, *references: str) -> None:
        standing = Standing(
            case_id=CASE,
            reference_id="",
            standing="confirmed",
            why="seen",
            by="desk",
            at=NOW,
            account=account,
            references=list(references),
        )
        value = self.log.context.codec.encode("standings", standing)
        self.reviews.apply([Update(standing_key(CASE).encode(), value, 0, 0)])

    def decide(self, *references: str) -> TakedownDecision:
        return self.quarantine.decide(CASE, verdict(evidence=[evidence_of(one) for one in references]), NOW)

    def hold(self, number: int, *held_for: str, reference_id: str = "r1") -> None:
        event = takedown(
            takedown_id=f"t{number}",
            state="held",
            post=msgspec.structs.replace(post_ref(f"p{number}"), url=f"https://made.example/{number}"),
            evidence=[evidence_of(reference_id)],
            held_for=list(held_for) or [CASE],
            at=NOW,
        )
        self.log.write(chained(event, None))


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with running(Rig()) as made:
        yield made


async def test_a_takedown_is_held_for_its_case_until_another_person_confirms_it(rig: Rig) -> None:
    assert rig.decide("r1") == WAITS
    rig.confirm("kim", "r1")
    assert rig.decide("r1") == WAITS
    rig.confirm("", "r1")
    assert rig.decide("r1") == WAITS
    rig.confirm("lee", "r1")
    assert rig.decide("r1") == ISSUED


async def test_the_worker_holds_whatever_the_entry_says_and_the_entry_suffices_where_the_worker_does_not() -> None:
    for always, asked, decision in ((True, False, WAITS), (False, True, WAITS), (False, False, ISSUED)):
        rig = Rig(always=always, asked=asked)
        assert rig.decide("r1") == decision
        await rig.log.stop()


async def test_a_reference_that_came_after_the_confirmation_waits_for_another(rig: Rig) -> None:
    rig.confirm("lee", "r1")
    assert rig.decide("r2") == WAITS
    assert rig.decide("r1", "r2") == ISSUED
    rig.confirm("lee", "r1", "r2")
    assert rig.decide("r2") == ISSUED


async def test_a_verdict_without_evidence_waits_too(rig: Rig) -> None:
    assert rig.decide() == WAITS


async def test_a_confirmation_issues_what_was_held_for_the_case_and_reads_nothing_else(rig: Rig) -> None:
    for number in range(3):
        rig.hold(number)
    rig.hold(7, "r9", reference_id="r9")
    rig.issue(8)
    await rig.settle()
    rig.confirm("kim", "r1", "r9")
    await rig.settle()
    assert set(rig.states.values()) == {"held", "issued"}
    assert [name for name, state in rig.states.items() if state == "issued"] == ["t8"]
    rig.confirm("lee", "r1", "r9")
    await rig.settle()
    assert [name for name, state in rig.states.items() if state == "issued"] == ["t0", "t1", "t2", "t8"]
    assert rig.log.reads == 6  # before and under the lock


async def test_a_case_held_for_its_second_person_quarantines_no_reference(rig: Rig) -> None:
    rig.hold(1)
    rig.confirm("lee", "r1")
    assert rig.decide("r1") == ISSUED


async def test_what_waits_for_a_person_is_not_decided_again_by_time() -> None:
    rig = Rig(limit=1)
    rig.issue(1)
    assert rig.quarantine.limited_for_s(CASE, verdict(evidence=[evidence_of()]), NOW) is None
    rig.confirm("lee", "r1")
    assert rig.quarantine.limited_for_s(CASE, verdict(evidence=[evidence_of()]), NOW) is not None
    await rig.log.stop()


async def test_a_label_does_not_replace_the_second_person_and_is_kept_until_then(rig: Rig) -> None:
    await rig.label("copy")
    assert (rig.last.state, rig.last.held_for) == ("held", [CASE])
    assert rig.last.label is not None
    await rig.label("copy")
    assert rig.life == ["held", "held"]
    rig.confirm("lee", "r1", "r2")
    await rig.settle()
    assert rig.life == ["held", "held", "issued"]


async def test_a_confirmation_before_the_start_is_applied_then() -> None:
    rig = Rig()
    rig.hold(1)
    rig.confirm("lee", "r1")
    task = asyncio.create_task(rig.reconciler.run())
    await rig.settle()
    assert rig.states == {"t1": "issued"}
    task.cancel()
    await rig.log.stop()


async def test_an_erased_confirmation_no_longer_confirms(rig: Rig) -> None:
    rig.confirm("lee", "r1")
    rig.reviews.apply([Update(standing_key(CASE).encode(), None, 0, 1)])
    assert rig.decide("r1") == WAITS


async def test_issued_takedowns_stay_issued_when_their_case_waits(rig: Rig) -> None:
    rig.issue(1)
    await rig.settle()
    assert rig.states == {"t1": "issued"}
    rig.log.write(step(rig.last, "sent"))
    await rig.settle()
    assert rig.states == {"t1": "sent"}
