"""By whose word a post is taken down: floods, what a person said, and what is left without a reference."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast

import pytest

from schemas.codec import Codec
from schemas.messages import Evidence, Interval, Standing, StandingKind, State
from streams.cases.reference_reviews import ReferenceReviews, standing_key
from streams.engine.app import Context
from streams.kafka.topic_reader import Update
from streams.settings import load_settings
from streams.takedown.log import TakedownLog, chained
from streams.takedown.quarantine import WINDOW, Cause, Fate, Quarantine, carriers, stands
from tests.unit.made_messages import takedown, verdict

CASE = "case-a"
LIMIT = 3
SPAN = Interval(start_s=0.0, end_s=9.0)
NOW = datetime.now(UTC)
ISSUED, HELD = Fate("issued"), Fate("held", ["r1"])


def seen(reference_id: str = "r1", probability: float = 0.99) -> Evidence:
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


def found(*evidence: Evidence) -> Cause:
    return verdict(evidence=list(evidence) or [seen()])


class Told:
    """A quarantine, and what the topics would tell it."""

    def __init__(self, limit: int = LIMIT) -> None:
        # What they take from a context; nothing is started, so no broker is asked.
        settings = load_settings(bootstrap_servers="127.0.0.1:9")
        context = SimpleNamespace(settings=settings, codec=Codec(), physical=lambda name: name, crash=pytest.fail)
        self.takedown_log = TakedownLog(cast("Context", context))
        self.standings = ReferenceReviews(settings, context.codec, context.crash)
        self.quarantine = Quarantine(self.takedown_log, self.standings, limit)

    async def stop(self) -> None:
        await self.takedown_log._reader.stop()
        await self.standings.stop()

    def notices(self, number: int, *evidence: Evidence, at: datetime = NOW, state: State = "issued") -> None:
        known = len(self.takedown_log.all())
        for name in range(known, known + number):
            told_by = {"evidence": list(evidence) or [seen()], "held_for": ["r1"] if state == "held" else []}
            self.takedown_log.note(chained(takedown(takedown_id=f"t{name}", state=state, at=at, **told_by), None))

    def said(self, reference_id: str, kind: StandingKind | None) -> None:
        standing = kind and Standing(
            case_id=CASE, reference_id=reference_id, standing=kind, why="seen", by="officer", at=NOW
        )
        value = Codec().encode("standings", standing) if standing else None
        self.standings.apply([Update(standing_key(CASE, reference_id).encode(), value, 0, 0)])

    def fate(self, *evidence: Evidence, now: datetime = NOW) -> Fate:
        return self.quarantine.fate(CASE, found(*evidence), now)


@pytest.fixture
async def told() -> AsyncIterator[Told]:
    made = Told()
    yield made
    await made.stop()


async def test_as_many_posts_as_may_pass_are_issued_and_the_next_is_held(told: Told) -> None:
    told.notices(LIMIT - 1)
    assert told.fate() == ISSUED
    told.notices(1)
    assert told.fate() == HELD


async def test_posts_that_come_slowly_are_no_flood(told: Told) -> None:
    told.notices(LIMIT, at=NOW - WINDOW + timedelta(seconds=1))
    assert told.fate() == HELD
    assert told.fate(now=NOW + timedelta(seconds=2)) == ISSUED


async def test_quarantine_does_not_end_by_itself(told: Told) -> None:
    told.notices(1, at=NOW - timedelta(days=30), state="held")
    assert told.fate() == HELD


async def test_no_limit_is_no_quarantine() -> None:
    told = Told(limit=0)
    told.notices(50)
    assert told.fate() == ISSUED
    await told.stop()


async def test_another_reference_and_another_case_act_on(told: Told) -> None:
    told.notices(LIMIT)
    assert told.fate(seen("r2")) == ISSUED
    assert told.fate(seen("r1"), seen("r2")) == ISSUED
    assert told.quarantine.fate("case-b", found(), NOW) == ISSUED


async def test_a_weak_hit_beside_the_flood_lets_nothing_pass_and_is_not_blamed(told: Told) -> None:
    told.notices(LIMIT, seen("r1"), seen("r2", 0.3))
    assert told.fate(seen("r1"), seen("r2", 0.3)) == HELD
    assert told.fate(seen("r2")) == ISSUED


async def test_a_confirmed_reference_is_never_held(told: Told) -> None:
    told.notices(LIMIT)
    told.notices(1, state="held")
    told.said("r1", "confirmed")
    assert told.fate() == ISSUED
    told.said("r1", None)
    assert told.fate() == HELD


async def test_a_withdrawn_reference_counts_for_nothing(told: Told) -> None:
    told.said("r1", "withdrawn")
    assert told.fate() == Fate("withdrawn")
    assert told.fate(seen("r1"), seen("r2", 0.3)) == Fate("withdrawn")
    assert told.fate(seen("r1"), seen("r2")) == ISSUED


async def test_a_standing_that_cannot_be_read_changes_nothing(told: Told) -> None:
    told.said("r1", "withdrawn")
    told.standings.apply([Update(standing_key(CASE, "r1").encode(), b"no standing", 0, 1)])
    assert told.fate() == Fate("withdrawn")


async def test_of_references_that_only_together_are_enough_the_strongest_is_asked_about(told: Told) -> None:
    both = seen("r1", 0.9), seen("r2", 0.8)
    told.notices(LIMIT, *both)
    assert told.fate(*both) == HELD
    told.said("r1", "confirmed")
    assert told.fate(*both) == ISSUED


def test_what_only_together_is_enough_falls_with_each_part() -> None:
    both = found(seen("r1", 0.9), seen("r2", 0.8))
    assert carriers(both) == {"r1"}
    assert not stands(both, {"r2"})
    assert stands(both, {"r3"})
    assert carriers(verdict(evidence=[])) == set()
