"""Takedowns, cases and notices for tests; every field can be changed."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from schemas.messages import CaseKind, Evidence, Interval, Law, Modality, Notice, PostRef, Takedown
from streams.cases.open_cases import OpenCase
from streams.delivery.notices.write import write_notice
from streams.delivery.platforms.registry import Platform
from streams.delivery.settings import FilerSettings
from tests.unit.made_messages import NOW, POLICY, takedown

LAWS: tuple[Law, ...] = ("KR_TBA22_5", "US_TIDA", "UK_OSA", "EU_DSA16", "PLATFORM_TOS")
KINDS: tuple[CaseKind, ...] = (
    "filmed_without_consent",
    "shared_without_consent",
    "synthetic",
    "child_exploitation",
    "personal_data",
)
BODY, EMAIL, PHONE = "Example Centre", "notices@centre.example", "+82 2 000 0000"


def evidence(modality: Modality = "visual", medium: int = 0, end_s: float = 70.5, **changes: Any) -> Evidence:
    fields: dict[str, Any] = {
        "model": "sscd",
        "version": "1",
        "reference_id": "6f0c1c5e-6d0e-5a43-9d86-0a8d0b9f2f11",
        "score": 0.9,
        "probability": 0.99,
        "query": Interval(start_s=min(end_s, 61.0), end_s=end_s),
        "reference": Interval(start_s=1.0, end_s=10.5),
    }
    return Evidence(modality=modality, medium=medium, **fields | changes)


def text_evidence() -> Evidence:
    return evidence("text", medium=-1, end_s=0.0)


def post(number: int = 1, **changes: Any) -> PostRef:
    fields: dict[str, Any] = {
        "post_id": f"p{number}",
        "platform": "bluesky",
        "url": f"https://bsky.app/profile/did:plc:abc/post/3lb{number}",
        "author": "did:plc:abc",
        "published_at": NOW,
        "seen_at": NOW,
    }
    return PostRef(**fields | changes)


def made_takedown(number: int = 1, **changes: Any) -> Takedown:
    fields: dict[str, Any] = {"takedown_id": f"t{number}", "post": post(number), "evidence": [evidence()]}
    return takedown(**fields | changes)


def case(kind: CaseKind = "shared_without_consent", *, minor: bool = False, authority: str = "") -> OpenCase:
    return OpenCase(POLICY, kind, minor, authority)


def filer(**changes: Any) -> FilerSettings:
    fields: dict[str, Any] = {
        "body": BODY,
        "email": EMAIL,
        "phone": PHONE,
        "address": "",
        "authority": "",
        "signed_by": "",
    }
    return FilerSettings(**{"role": "agent"} | fields | changes)


def notice(
    laws: Sequence[Law] = ("US_TIDA",),
    kind: CaseKind = "shared_without_consent",
    takedowns: Sequence[Takedown] = (),
    *,
    minor: bool = False,
    filed_by: FilerSettings | None = None,
    **changes: Any,
) -> Notice:
    fields: dict[str, Any] = {"language": "en", "attempt": 1, "at": NOW, "due_at": NOW + timedelta(hours=48)}
    found = [text_evidence()] if kind == "personal_data" else [evidence()]
    return write_notice(
        takedowns or [made_takedown(evidence=found)],
        case(kind, minor=minor),
        "bluesky",
        Platform(title="Bluesky", laws=tuple(laws)),
        filed_by or filer(),
        **fields | changes,
    )
