from datetime import timedelta
from typing import Any

from schemas.messages import Standing, Takedown
from streams.cases.reference_reviews import standing_key
from streams.desk.reviewing import Suspect, suspected
from tests.unit.made_messages import NOW, takedown

LATER = NOW + timedelta(minutes=5)


def held(takedown_id: str, *references: str, **changes: Any) -> Takedown:
    return takedown(takedown_id=takedown_id, state="held", held_for=list(references), **changes)


def spoken(reference_id: str) -> dict[str, Standing]:
    said = Standing(case_id="case-a", reference_id=reference_id, standing="confirmed", why="", by="officer", at=LATER)
    return {standing_key("case-a", reference_id): said}


def test_what_is_held_names_the_references_that_nobody_has_spoken_of() -> None:
    events = [takedown(), held("t2", "r1"), held("t3", "r1", "r2", at=LATER)]
    assert suspected(events, {}) == [Suspect("case-a", "r1", NOW, 2), Suspect("case-a", "r2", LATER, 1)]
    assert suspected(events, spoken("r1")) == [Suspect("case-a", "r2", LATER, 1)]
    assert suspected([takedown()], {}) == []


def test_a_quarantine_outlasts_what_was_held_for_it() -> None:
    gone = takedown(takedown_id="t2", state="removed", held_for=["r1"], at=LATER)
    assert suspected([held("t2", "r1"), gone], {}) == [Suspect("case-a", "r1", NOW, 0)]


def test_the_same_reference_id_in_another_case_is_another_reference() -> None:
    events = [held("t2", "terms"), held("t3", "terms", case_id="case-b")]
    assert suspected(events, spoken("terms")) == [Suspect("case-b", "terms", NOW, 1)]
