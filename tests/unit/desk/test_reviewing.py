from datetime import timedelta
from typing import Any

from schemas.messages import Standing, Takedown
from streams.cases.reference_reviews import standing_key
from streams.desk.reviewing import QuarantinedReference, quarantined_references
from tests.unit.made_messages import NOW, takedown

LATER = NOW + timedelta(minutes=5)


def held(takedown_id: str, *references: str, **changes: Any) -> Takedown:
    return takedown(takedown_id=takedown_id, state="held", held_for=list(references), **changes)


def confirmed(reference_id: str) -> dict[str, Standing]:
    review = Standing(case_id="case-a", reference_id=reference_id, standing="confirmed", why="", by="officer", at=LATER)
    return {standing_key("case-a", reference_id): review}


def test_references_of_held_takedowns_are_quarantined_until_their_review() -> None:
    events = [takedown(), held("t2", "r1"), held("t3", "r1", "r2", at=LATER)]
    assert quarantined_references(events, {}) == [
        QuarantinedReference("case-a", "r1", NOW, 2),
        QuarantinedReference("case-a", "r2", LATER, 1),
    ]
    assert quarantined_references(events, confirmed("r1")) == [QuarantinedReference("case-a", "r2", LATER, 1)]
    assert quarantined_references([takedown()], {}) == []


def test_a_quarantine_outlasts_its_held_takedowns() -> None:
    gone = takedown(takedown_id="t2", state="removed", held_for=["r1"], at=LATER)
    assert quarantined_references([held("t2", "r1"), gone], {}) == [QuarantinedReference("case-a", "r1", NOW, 0)]


def test_the_same_reference_id_in_another_case_is_another_reference() -> None:
    events = [held("t2", "terms"), held("t3", "terms", case_id="case-b")]
    assert quarantined_references(events, confirmed("terms")) == [QuarantinedReference("case-b", "terms", NOW, 1)]
