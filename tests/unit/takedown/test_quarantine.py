"""Rate limit of takedowns: floods, reviews, and the evidence that remains without a reference."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from schemas.codec import Codec
from schemas.messages import Evidence, Interval, Standing, StandingKind, State
from streams.cases.reference_reviews import ReferenceReviews, standing_key
from streams.kafka.topic_reader import Update
from streams.takedown.life import chained
from streams.takedown.quarantine import (
    WINDOW,
    Basis,
    Quarantine,
    TakedownDecision,
    is_supported,
    supporting_references,
)
from tests.unit.made_messages import takedown, verdict
from tests.unit.takedown.made_log import MadeLog

CASE = "case-a"
LIMIT = 3
SPAN = Interval(start_s=0.0, end_s=9.0)
NOW = datetime.now(UTC)
ISSUED, HELD, WITHDRAWN = TakedownDecision("issued"), TakedownDecision("held", ["r1"]), TakedownDecision("withdrawn")


def evidence_of(reference_id: str = "r1", probability: float = 0.99) -> Evidence:
    return Evidence(
        modality="visual",
        model="m",
        version="1",
        reference_id=reference_id,
        medium=0,
        score=0.9,
        probability=probability,
        query=SPAN,
        reference=SPAN,
    )


def basis(*evidence: Evidence) -> Basis:
    return verdict(evidence=list(evidence) or [evidence_of()])


class Rig:
    """A quarantine with topics that are written here."""

    def __init__(self, limit: int = LIMIT) -> None:
        self.takedown_log = MadeLog()
        context = self.takedown_log.context
        self.reviews = ReferenceReviews(context.settings, context.codec, context.crash)
        self.quarantine = Quarantine(self.takedown_log, self.reviews, limit)

    async def stop(self) -> None:
        await self.takedown_log.stop()
        await self.reviews.stop()

    def takedowns(self, number: int, *evidence: Evidence, at: datetime = NOW, state: State = "issued") -> None:
        first = len(self.takedown_log.topic)
        for name in range(first, first + number):
            fields = {"evidence": list(evidence) or [evidence_of()], "held_for": ["r1"] if state == "held" else []}
            self.takedown_log.write(chained(takedown(takedown_id=f"t{name}", state=state, at=at, **fields), None))

    def review(self, reference_id: str, kind: StandingKind | None) -> None:
        standing = kind and Standing(
            case_id=CASE, reference_id=reference_id, standing=kind, why="seen", by="officer", at=NOW
        )
        value = Codec().encode("standings", standing) if standing else None
        self.reviews.apply([Update(standing_key(CASE, reference_id).encode(), value, 0, 0)])

    def decide(self, *evidence: Evidence, now: datetime = NOW) -> TakedownDecision:
        return self.quarantine.decide(CASE, basis(*evidence), now)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    made = Rig()
    yield made
    await made.stop()


async def test_takedowns_up_to_the_limit_are_issued_and_the_next_is_held(rig: Rig) -> None:
    rig.takedowns(LIMIT - 1)
    assert rig.decide() == ISSUED
    rig.takedowns(1)
    assert rig.decide() == HELD


async def test_takedowns_outside_the_window_do_not_count(rig: Rig) -> None:
    now = datetime.now(UTC)  # the test may run long after NOW
    rig.takedowns(LIMIT, at=now - WINDOW + timedelta(minutes=10))
    assert rig.decide(now=now) == HELD
    assert rig.decide(now=now + timedelta(minutes=11)) == ISSUED


async def test_quarantine_does_not_end_by_itself(rig: Rig) -> None:
    rig.takedowns(1, at=NOW - timedelta(days=30), state="held")
    assert rig.decide() == HELD


async def test_no_limit_is_no_quarantine() -> None:
    rig = Rig(limit=0)
    rig.takedowns(50)
    assert rig.decide() == ISSUED
    await rig.stop()


async def test_another_reference_and_another_case_are_not_limited(rig: Rig) -> None:
    rig.takedowns(LIMIT)
    assert rig.decide(evidence_of("r2")) == ISSUED
    assert rig.decide(evidence_of("r1"), evidence_of("r2")) == ISSUED
    assert rig.quarantine.decide("case-b", basis(), NOW) == ISSUED


async def test_a_weak_match_beside_the_flood_releases_nothing_and_is_not_quarantined(rig: Rig) -> None:
    rig.takedowns(LIMIT, evidence_of("r1"), evidence_of("r2", 0.3))
    assert rig.decide(evidence_of("r1"), evidence_of("r2", 0.3)) == HELD
    assert rig.decide(evidence_of("r2")) == ISSUED


async def test_a_confirmed_reference_is_never_held(rig: Rig) -> None:
    rig.takedowns(LIMIT)
    rig.takedowns(1, state="held")
    rig.review("r1", "confirmed")
    assert rig.decide() == ISSUED
    rig.review("r1", None)
    assert rig.decide() == HELD


async def test_a_withdrawn_reference_is_not_counted(rig: Rig) -> None:
    rig.review("r1", "withdrawn")
    assert rig.decide() == WITHDRAWN
    assert rig.decide(evidence_of("r1"), evidence_of("r2", 0.3)) == WITHDRAWN
    assert rig.decide(evidence_of("r1"), evidence_of("r2")) == ISSUED


async def test_an_unreadable_review_changes_nothing(rig: Rig) -> None:
    rig.review("r1", "withdrawn")
    rig.reviews.apply([Update(standing_key(CASE, "r1").encode(), b"no standing", 0, 1)])
    assert rig.decide() == WITHDRAWN


async def test_of_references_that_only_together_suffice_the_strongest_is_held_for(rig: Rig) -> None:
    both = evidence_of("r1", 0.9), evidence_of("r2", 0.8)
    rig.takedowns(LIMIT, *both)
    assert rig.decide(*both) == HELD
    rig.review("r1", "confirmed")
    assert rig.decide(*both) == ISSUED


def test_evidence_that_only_together_suffices_needs_each_part() -> None:
    both = basis(evidence_of("r1", 0.9), evidence_of("r2", 0.8))
    assert supporting_references(both) == {"r1"}
    assert not is_supported(both, {"r2"})
    assert is_supported(both, {"r3"})
    assert supporting_references(verdict(evidence=[])) == set()
