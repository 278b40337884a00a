"""A made history: three posts of one case, with everything that can happen to them."""

from collections.abc import Sequence
from datetime import timedelta
from io import BytesIO
from typing import Any

from PIL import Image

from schemas.messages import (
    Case,
    Delivery,
    Evidence,
    Filer,
    Interval,
    Matrix,
    Modality,
    Notice,
    NoticeItem,
    Passage,
    PostRef,
    Reference,
    Removal,
    Standing,
    Takedown,
)
from streams.delivery.evidence.context import Source
from streams.delivery.evidence.gather import facts_of
from streams.delivery.evidence.history import CaseHistory
from streams.delivery.evidence.moments import Clock
from streams.delivery.platforms.registry import Registry, load_registry
from streams.takedown.life import chained, step
from tests.unit.made_messages import NOW, POLICY, takedown

CASE = "case-7f3a"
FILER = Filer(
    body="Example Support Centre",
    role="designated_body",
    email="filing@centre.example",
    authority="Designation 2026-11",
)
HOSTILE_URL = 'https://videos.example/watch?v=<script>alert("1")</script>&t=1'
RTL_ACCOUNT = "moc.elpmaxe\u202eexample.com\u200b \U0001f600"


def jpeg(shade: int = 120) -> bytes:
    file = BytesIO()
    Image.new("RGB", (32, 18), (shade, shade // 2, 40)).save(file, "JPEG")
    return file.getvalue()


def span(start_s: float, end_s: float) -> Interval:
    return Interval(start_s=start_s, end_s=end_s)


def evidence(modality: Modality = "visual", **changes: Any) -> Evidence:
    passage = Passage(query=span(12.2, 31.0), reference=span(3.4, 22.1), score=0.92)
    fields: dict[str, Any] = {
        "modality": modality, "model": "sscd-distilled", "version": "0.1.0", "reference_id": "ref-b", "medium": 0,
        "score": 0.92, "probability": 0.9912, "query": passage.query, "reference": passage.reference,
        "thumbnail": jpeg() if modality == "visual" else None, "passages": [passage],
    }  # fmt: skip
    return Evidence(**fields | changes)


def post(number: int, **changes: Any) -> PostRef:
    seen_at = NOW + timedelta(minutes=number)
    fields: dict[str, Any] = {
        "post_id": f"post-{number}", "platform": "bluesky", "author": f"did:plc:uploader{number}",
        "url": f"https://bsky.app/profile/did:plc:uploader{number}/post/3k{number:05}",
        "published_at": seen_at - timedelta(seconds=40), "seen_at": seen_at,
    }  # fmt: skip
    return PostRef(**fields | changes)


def issued(number: int, **changes: Any) -> Takedown:
    further = Passage(query=span(40, 52), reference=span(31, 43), score=0.7, speed=1.25)
    text = {"model": "use-multilingual", "version": "3", "medium": -1, "reference_id": "terms", "terms": 2}
    found = [
        evidence(),
        evidence("audio", model="neural-fingerprint", version="1", probability=0.97, thumbnail=None,
                 passages=[*evidence().passages, further]),
        evidence("text", probability=0.6, passages=[], **text),
    ]  # fmt: skip
    fields: dict[str, Any] = {
        "event_id": f"e-{number}", "takedown_id": f"takedown-{number}", "case_id": CASE, "post": post(number),
        "evidence": found, "policy_version": POLICY.version, "at": NOW + timedelta(minutes=number, seconds=9),
        "links": ["t.me/moreofthis", "@seller"],
    }  # fmt: skip
    return chained(takedown(**fields | changes), None)


def delivery(event: Takedown, kind: str, outcome: str, **changes: Any) -> Delivery:
    fields: dict[str, Any] = {
        "delivery_id": f"{event.takedown_id}-{kind}-{changes.get('number', 1)}-{outcome}", "case_id": event.case_id,
        "takedown_id": event.takedown_id, "kind": kind, "outcome": outcome, "number": 1, "at": event.at,
    }  # fmt: skip
    return Delivery(**fields | changes)


def notice(events: Sequence[Takedown], **changes: Any) -> Notice:
    items = [
        NoticeItem(
            takedown_id=event.takedown_id, url=event.post.url, author=event.post.author, content_types=["VIDEO"],
            published_at=event.post.published_at, first_seen=event.post.seen_at, detected_at=event.at,
            probability=event.probability, act_at=event.act_at,
        )
        for event in events
    ]  # fmt: skip
    fields: dict[str, Any] = {
        "notice_id": "notice-1", "case_id": CASE, "kind": "shared_without_consent", "laws": ["KR_TBA22_5", "US_TIDA"],
        "filer": FILER, "signed_by": "Example Support Centre", "signed_at": NOW, "platform": "bluesky", "items": items,
        "reasons": "The video was published without the consent of the person shown.", "good_faith": "In good faith.",
        "accuracy": "Accurate and complete.", "language": "en", "attempt": 1, "created_at": NOW,
        "due_at": NOW + timedelta(hours=24),
    }  # fmt: skip
    return Notice(**fields | changes)


def life(number: int = 1) -> tuple[list[Takedown], list[Delivery]]:
    """Return the events and deliveries of a takedown that was removed and has reappeared."""
    first = issued(number)
    at = first.at
    decided = {"by": "officer-3", "why": "clear match"}
    approval = delivery(first, "approval", "approved", number=0, at=at + timedelta(minutes=4), **decided)
    approved = step(first, "approved", approval.delivery_id, at=approval.at, **decided)
    sent = delivery(
        first, "attempt", "acknowledged", channel="webhook", address="https://bsky.example/notices", status=202,
        receipt="R-2026-0042", answer_hash=b"\x11" * 32, idempotency_key="key-1", at=at + timedelta(minutes=5),
        due_at=at + timedelta(hours=24), notice=notice([first]),
    )  # fmt: skip
    acknowledged = step(approved, "acknowledged", sent.delivery_id, at=sent.at)
    present = delivery(
        first, "look", "present", channel="web", address=first.post.url, status=200, answer_hash=b"\x22" * 32,
        at=at + timedelta(minutes=20),
    )  # fmt: skip
    reminder = delivery(
        first, "reminder", "due", at=at + timedelta(hours=20), due_at=at + timedelta(hours=24), detail="4 h left"
    )
    gone = delivery(
        first, "look", "gone", channel="bluesky", number=2, address="https://bsky.example/xrpc/com.atproto.sync.getBlob",
        status=400, error="BlobNotFound", answer_hash=b"\x33" * 32, at=at + timedelta(hours=22),
    )  # fmt: skip
    removed = step(acknowledged, "removed", gone.delivery_id, at=gone.at, delivery=gone)
    return [first, approved, acknowledged, removed], [approval, sent, present, reminder, gone]


def source(
    *lives: tuple[Sequence[Takedown], Sequence[Delivery]],
    identifier: str = CASE,
    thumbnails: bool = False,
    registry: Registry | None = None,
    filer: Filer = FILER,
    open_case: bool = True,
) -> Source:
    """Return the source of a pack with these histories."""
    history = CaseHistory(identifier, thumbnails=thumbnails)
    for events, deliveries in lives:
        for event in events:
            history.add_event(event)
        for one in deliveries:
            history.add_delivery(one)
    review = Standing(
        case_id=CASE, reference_id="ref-b", standing="confirmed", why="seen by the officer", by="officer-3", at=NOW
    )
    facts = facts_of(CASE, history, entries() if open_case else [], [review])
    return Source(facts, history, registry or load_registry(), filer, Clock("Asia/Seoul"), thumbnails)


def entries() -> list[Case]:
    """Return the entries of the case, with a name that must not leave it."""
    empty = Matrix(dtype="int8", rows=0, columns=1, data=b"")
    made: dict[str, Any] = {"case_id": CASE, "name": "NAME OF THE CASE", "opened_at": NOW - timedelta(days=2)}
    pieces: list[tuple[str, Modality, float]] = [
        ("ref-a", "visual", 0.0),
        ("ref-b", "visual", 61.5),
        ("ref-b", "audio", 61.5),
        ("terms", "text", 0.0),
    ]
    references = [
        Reference(
            reference_id=reference_id, segment=0, modality=modality, model="m", version="1", start_s=0.0,
            duration_s=duration_s, vectors=empty, times_s=[],
        )
        for reference_id, modality, duration_s in pieces
    ]  # fmt: skip
    opened = Case(policy=POLICY, kind="shared_without_consent", minor=True, authority="POA-2026-118", **made)
    return [opened, *(Case(reference=reference, **made) for reference in references)]


def removal(event: Takedown, **changes: Any) -> Removal:
    fields: dict[str, Any] = {
        "removal_id": "removal-1", "platform": event.post.platform, "kind": "account_gone", "author": event.post.author,
        "status": "takendown", "at": event.at + timedelta(hours=1), "seen_at": event.at + timedelta(hours=1),
    }  # fmt: skip
    return Removal(**fields | changes)


def hostile() -> tuple[list[Takedown], list[Delivery]]:
    """Return a takedown whose post, account and platform's answer are written to mislead the reader."""
    first = issued(
        9, post=post(9, platform="demo", url=HOSTILE_URL, author=RTL_ACCOUNT), links=["javascript:alert(1)"],
        by="officer-3", why="review of 3 March", held_for=["ref-b"],
    )  # fmt: skip
    failed = delivery(
        first, "attempt", "failed", channel="mail", error="<img src=x onerror=alert(2)>", detail="\u202ereversed"
    )
    withdrawn = step(first, "withdrawn", "x", at=first.at + timedelta(days=1), by="officer-4", why="not a copy")
    return [first, withdrawn], [failed]
