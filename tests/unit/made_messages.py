"""Messages for tests, true to the schemas; every field can be changed."""

from datetime import UTC, datetime
from typing import Any

from schemas.messages import (
    Delivery,
    Evidence,
    Interval,
    Match,
    Modality,
    Parts,
    Policy,
    PostRef,
    Removal,
    Scores,
    Segment,
    Takedown,
    Verdict,
)

NOW = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
POLICY = Policy(act=0.95, review=0.5, version="act=0.95,review=0.5")


def post_ref(post_id: str = "p1") -> PostRef:
    return PostRef(post_id=post_id, platform="demo", url="https://example.org/p1", published_at=NOW, seen_at=NOW)


def segment(number: int = 0, *, parts: Parts | None = None, medium: int = 0) -> Segment:
    parts = parts or Parts(visual=1, audio=1, text=1)
    return Segment(post=post_ref(), parts=parts, segment=number, medium=medium, start_s=0.0, duration_s=60.0)


def match(score: float = 0.9, case_id: str = "case-a", reference_id: str = "r1", **changes: Any) -> Match:
    span = Interval(start_s=1.0, end_s=9.5)
    fields: dict[str, Any] = {"score": score, "query": span, "reference": span, "thumbnail": b"blurred"}
    return Match(case_id=case_id, reference_id=reference_id, **fields | changes)


def scores(
    modality: Modality = "visual",
    *matches: Match,
    number: int = 0,
    late: bool = False,
    parts: Parts | None = None,
    medium: int = 0,
) -> Scores:
    return Scores(
        score_id=f"{modality}-{number}-{late}",
        segment=segment(number, parts=parts, medium=medium),
        modality=modality,
        model="m",
        version="1",
        late=late,
        matches=list(matches),
    )


def verdict(**changes: Any) -> Verdict:
    fields: dict[str, Any] = {
        "verdict_id": "v1",
        "post": post_ref(),
        "case_id": "case-a",
        "probability": 0.987654321,
        "decision": "act",
        "reason": "complete",
        "act_at": POLICY.act,
        "review_at": POLICY.review,
        "policy_version": POLICY.version,
        "decided_at": NOW,
    }
    return Verdict(**fields | changes)


def evidence(**changes: Any) -> Evidence:
    span = Interval(start_s=1.5, end_s=9.0)
    fields: dict[str, Any] = {
        "modality": "visual",
        "model": "m",
        "version": "1",
        "reference_id": "secret-reference",
        "medium": 0,
        "score": 0.9,
        "probability": 0.99,
        "query": span,
        "reference": span,
    }
    return Evidence(**fields | changes)


def takedown(**changes: Any) -> Takedown:
    fields: dict[str, Any] = {
        "event_id": "e1",
        "takedown_id": "t1",
        "state": "issued",
        "post": post_ref(),
        "case_id": "case-a",
        "verdict_id": "v1",
        "probability": 0.987654321,
        "act_at": 0.95,
        "policy_version": POLICY.version,
        "at": NOW,
    }
    return Takedown(**fields | changes)


def delivery(**changes: Any) -> Delivery:
    fields: dict[str, Any] = {
        "delivery_id": "d1",
        "takedown_id": "t1",
        "case_id": "case-a",
        "kind": "attempt",
        "outcome": "delivered",
        "number": 1,
        "at": NOW,
    }
    return Delivery(**fields | changes)


def removal(**changes: Any) -> Removal:
    fields: dict[str, Any] = {
        "removal_id": "x1",
        "platform": "demo",
        "kind": "post_deleted",
        "url": "https://example.org/p1",
        "at": NOW,
        "seen_at": NOW,
    }
    return Removal(**fields | changes)
