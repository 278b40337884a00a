"""Reviews that wait: which, and in which order."""

from datetime import timedelta
from typing import Any

import pytest

from schemas.messages import Label, LabelDecision, Verdict
from streams.cases.open_cases import OpenCase
from streams.desk import reviews as desk_reviews
from streams.desk.local_time import LocalTime
from streams.desk.reviews import OpenReviews, review_lines
from streams.settings import load_settings
from tests.unit.made_messages import NOW, POLICY, post_ref, verdict
from tests.unit.takedown.test_quarantine import evidence_of

CASES = {
    "case-a": OpenCase(POLICY, "synthetic", minor=False, authority=""),
    "case-m": OpenCase(POLICY, "child_exploitation", minor=True, authority=""),
}


def review(post_id: str = "p1", case_id: str | None = "case-a", minutes: int = 0, **changes: Any) -> Verdict:
    at = NOW + timedelta(minutes=minutes)
    fields: dict[str, Any] = {"decision": "review", "post": post_ref(post_id), "case_id": case_id, "decided_at": at}
    return verdict(**fields | changes)


def label(post_id: str, decision: LabelDecision, case_id: str = "case-a") -> Label:
    return Label(post_id=post_id, case_id=case_id, decision=decision, reviewer="kim", at=NOW)


def waiting(*verdicts: Verdict, labels: tuple[Label, ...] = ()) -> list[str]:
    reviews = OpenReviews(CASES)
    for each in verdicts:
        reviews.add(each)
    for one in labels:
        reviews.decide(one)
    return [found.verdict.post.post_id + ("?" if found.label else "") for found in reviews.sorted()]


def test_minors_come_first_and_then_the_longest_wait() -> None:
    assert waiting(review("p1", minutes=2), review("p2", minutes=1), review("p3", "case-m", 3)) == ["p3", "p2", "p1"]


def test_only_reviews_of_open_cases_wait() -> None:
    assert waiting(review("p1", "closed"), review("p2", None), review("p3", decision="dismiss")) == []


def test_a_verdict_to_act_ends_the_review() -> None:
    assert waiting(review("p1"), review("p1", "case-m"), review("p1", decision="act")) == ["p1"]


@pytest.mark.parametrize(("decision", "left"), [("copy", []), ("other", []), ("unsure", ["p1?"])])
def test_a_decision_ends_the_review_and_unsure_does_not(decision: LabelDecision, left: list[str]) -> None:
    assert waiting(review("p1"), labels=(label("p1", decision), label("p2", decision))) == left


def test_after_unsure_another_person_may_decide() -> None:
    assert waiting(review("p1"), labels=(label("p1", "unsure"), label("p1", "other"))) == []


def test_no_more_than_the_limit_are_kept_and_the_others_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_reviews, "MAX_REVIEWS", 2)
    reviews = OpenReviews(CASES)
    for name in ("p1", "p2", "p3", "p2"):
        reviews.add(review(name))
    assert len(reviews.sorted()) == 2
    assert reviews.left_out == 1


def test_pictures_are_not_kept() -> None:
    reviews = OpenReviews(CASES)
    reviews.add(review(evidence=[evidence_of()]))
    (found,) = reviews.sorted()
    assert [piece.thumbnail for piece in found.verdict.evidence] == [None]


def test_a_review_shows_the_whole_link_both_sides_and_the_next_command() -> None:
    reviews = OpenReviews(CASES)
    reviews.add(review("at://did/app.post/x y", "case-m", evidence=[evidence_of("r1", 0.7)]))
    text = "\n".join(review_lines(reviews.sorted()[0], LocalTime(load_settings())))
    assert "case-m  0.99  minor" in text
    assert "https://example.org/p1" in text
    assert "visual 0.70: 0:00-0:09 of medium 1 is 0:00-0:09 of reference r1" in text
    assert "jikimi label 'at://did/app.post/x y' case-m copy" in text
