"""Report of a case: what it holds, its lines, and its JSON."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from schemas.matrix import pack
from schemas.messages import (
    Case,
    Delivery,
    Evidence,
    Interval,
    Passage,
    PostRef,
    Reference,
    Standing,
    Takedown,
    Verdict,
)
from streams.desk.build_report import CaseRecords, build_report
from streams.desk.case_report import CaseReport, SearchReport
from streams.desk.local_time import LocalTime, span
from streams.desk.print_report import ReportLines, summary
from streams.settings import load_settings
from tests.unit.made_messages import NOW, POLICY, takedown, verdict
from tests.unit.match.test_reference_index import unit

LONG_LINK = "https://video.example.org/watch/" + "a-very-long-title-" * 20 + "?v=1"
POST = PostRef(
    post_id="p1",
    platform="bluesky",
    url=LONG_LINK,
    author="did:plc:uploader",
    published_at=NOW - timedelta(minutes=2),
    seen_at=NOW - timedelta(minutes=1),
)
LATER = NOW + timedelta(hours=3)


def piece(reference_id: str = "r1", duration_s: float = 75.0, **changes: Any) -> Reference:
    fields: dict[str, Any] = {"modality": "visual", "model": "m", "version": "1", "segment": 0, "start_s": 0.0}
    fields |= {"vectors": pack(unit(4, 8)), "times_s": [0.0, 1.0, 2.0, 3.0]}
    return Reference(reference_id=reference_id, duration_s=duration_s, **fields | changes)


def case(reference: Reference | None = None, **changes: Any) -> Case:
    fields: dict[str, Any] = {"case_id": "case-a", "name": "river", "opened_at": NOW, "reference": reference}
    return Case(**fields | changes)


def evidence(**changes: Any) -> Evidence:
    fields: dict[str, Any] = {"modality": "visual", "model": "sscd", "version": "1", "reference_id": "r1", "medium": 0}
    fields |= {"score": 0.91, "probability": 0.98, "query": Interval(start_s=0, end_s=14.2)}
    return Evidence(reference=Interval(start_s=62, end_s=76), **fields | changes)


def delivery(kind: str, outcome: str, at: datetime, **changes: Any) -> Delivery:
    fields: dict[str, Any] = {"delivery_id": f"{kind}-{at}", "takedown_id": "t1", "case_id": "case-a", "number": 1}
    return Delivery(kind=kind, outcome=outcome, at=at, **fields | changes)  # type: ignore[arg-type]


EVENTS = [
    takedown(post=POST, evidence=[evidence()], links=["https://t.me/more"]),
    takedown(state="approved", event_id="e2", post=POST, evidence=[evidence()], at=LATER, by="officer-7", why="seen"),
    takedown(state="sent", event_id="e3", post=POST, evidence=[evidence()], links=["https://t.me/more"], at=LATER),
]
STEPS = [
    delivery(
        "attempt",
        "delivered",
        LATER,
        channel="webhook",
        status=202,
        receipt="no-77",
        due_at=LATER + timedelta(hours=48),
    ),
    delivery("look", "present", LATER + timedelta(minutes=15), channel="web", status=200),
]


def records(**changes: Any) -> CaseRecords:
    fields: dict[str, Any] = {
        "entries": [case(policy=POLICY), case(piece()), case(piece("r2", 0.0))],
        "events": EVENTS,
        "deliveries": STEPS,
        "waiting": [],
        "reviews": {},
        "file_names": {"r1": "family-holiday.mp4"},
    }
    return CaseRecords(**fields | changes)


def lines(report: CaseReport, now: datetime = LATER) -> str:
    return "\n".join(ReportLines(LocalTime(load_settings(time_zone="Asia/Seoul")), now).report(report))


def test_a_hit_is_shown_with_its_whole_link_account_times_and_matched_seconds() -> None:
    shown = lines(build_report(records(), LATER))
    assert LONG_LINK in shown.replace("\n", " ").split()
    for text in [
        "did:plc:uploader",
        "posted 2026-03-01 21:28:15 KST, found 2026-03-01 21:30:15 KST",
        "picture: 0:00-0:14 of medium 1 is 1:02-1:16 of family-holiday.mp4, score 0.91, 98.0% alone, sscd@1",
        "shows the link https://t.me/more",
        "takedown t1",
    ]:
        assert text in shown


def test_the_history_has_who_why_notices_answers_and_looks_in_the_order_of_their_times() -> None:
    shown = [
        line.split("KST  ")[1] for line in lines(build_report(records(), LATER)).splitlines() if line[:6] == "    20"
    ]
    assert shown == [
        "issued",
        "approved by officer-7: seen",
        "sent",
        "notice 1 by webhook: delivered (status 202; receipt no-77)",
        "look 1 by web: present (status 200)",
    ]


def test_a_takedown_is_overdue_after_its_due_time_until_the_post_is_gone() -> None:
    late = LATER + timedelta(hours=50)
    (hit,) = build_report(records(), LATER).hits
    assert (hit.is_overdue, hit.due_at) == (False, LATER + timedelta(hours=48))
    report = build_report(records(), late)
    assert report.hits[0].is_overdue
    assert "OVERDUE" in lines(report, late)
    assert "120 min ago" not in lines(report, late)
    assert "2 h ago" in lines(report, late)
    gone = [*EVENTS, takedown(state="removed", post=POST, at=late)]
    assert not build_report(records(events=gone), late).hits[0].is_overdue


def test_references_are_shown_by_file_name_kind_and_duration() -> None:
    entries = [
        case(policy=POLICY),
        case(piece()),
        case(piece("r2", 0.0)),
        case(piece("r3", 9.0, modality="audio")),
        case(piece("terms", 0.0, modality="text", digests=[b"d" * 16])),
    ]
    report = build_report(records(entries=entries), LATER)
    assert [(one.kind, one.file, one.duration_s) for one in report.references] == [
        ("video", "family-holiday.mp4", 75.0),
        ("picture", None, 0.0),
        ("sound", None, 9.0),
        ("terms", None, 0.0),
    ]
    shown = lines(report)
    assert "reference r1  family-holiday.mp4  video, 75.0 s, 4 frames, 0 sounds" in shown
    assert "reference r2  picture, 4 frames" in shown


def test_references_are_in_the_order_of_their_files_names_as_a_persons_folder_has_them() -> None:
    entries = [case(policy=POLICY), *(case(piece(f"r{number}")) for number in range(3))]
    named = records(entries=entries)._replace(file_names={"r2": "album-1.jpg", "r1": "album-2.jpg"})
    found = build_report(named, LATER).references
    assert [one.file for one in found] == ["album-1.jpg", "album-2.jpg", None]


def test_an_erased_reference_keeps_its_review_and_a_quarantined_one_its_request() -> None:
    review = Standing(case_id="case-a", reference_id="r9", standing="withdrawn", why="a logo", by="officer", at=NOW)
    held = takedown(takedown_id="t2", state="held", held_for=["r1"], post=POST)
    report = build_report(records(reviews={"case-a/r9": review}, events=[held], deliveries=[]), LATER)
    shown = lines(report)
    assert "reference r9  erased\n  r9  withdrawn by officer, 2026-03-01 21:30 KST: a logo" in shown
    assert "under quarantine since 2026-03-01 21:30 KST, 1 takedowns held" in shown


def test_a_waiting_review_is_shown_with_the_command_that_decides_it() -> None:
    waiting: Verdict = verdict(post=POST, decision="review", probability=0.7, evidence=[evidence()], missing=["audio"])
    report = build_report(records(waiting=[waiting], events=[], deliveries=[]), LATER)
    shown = lines(report)
    assert LONG_LINK in shown
    assert "missing: sound" in shown
    assert "jikimi label p1 case-a copy" in shown
    assert summary(report) == "0 hits, 0 open, 0 overdue, 1 waiting for review"


def test_copies_are_shown_as_families_and_an_account_that_uploads_three_times_is_named() -> None:
    events = []
    for number in range(3):
        post = msgspec.structs.replace(POST, post_id=f"p{number}", url=f"https://x.example/{number}")
        events.append(takedown(takedown_id=f"t{number}", post=post, evidence=[evidence()]))
    report = build_report(records(events=events, deliveries=[]), LATER)
    assert [family.takedown_ids for family in report.families] == [["t0", "t1", "t2"]]
    shown = lines(report)
    assert "family 1: 3 on bluesky, by 1 accounts, first seen 2026-03-01 21:29 KST" in shown
    assert "uploaded 3 times: did:plc:uploader on bluesky" in shown


def test_every_passage_of_a_match_is_a_part() -> None:
    passages = [
        Passage(query=Interval(start_s=0, end_s=5), reference=Interval(start_s=10, end_s=15), score=0.9),
        Passage(query=Interval(start_s=7, end_s=9), reference=Interval(start_s=3, end_s=6), score=0.6, speed=1.5),
    ]
    event: Takedown = takedown(post=POST, evidence=[evidence(passages=passages)])
    (hit,) = build_report(records(events=[event], deliveries=[]), LATER).hits
    assert [(part.post_start_s, part.reference_start_s, part.speed) for part in hit.post.matches] == [
        (0, 10, 1),
        (7, 3, 1.5),
    ]
    assert "0:07-0:09 of medium 1 is 0:03-0:06 of family-holiday.mp4 at 1.50 times its speed" in lines(
        build_report(records(events=[event], deliveries=[]), LATER)
    )


@pytest.mark.parametrize(
    ("search", "line"),
    [
        (SearchReport(share=0.67, most_s=290.0), "earlier posts: 67 % searched, at most 5 min more at this pace"),
        (SearchReport(share=0.0), "earlier posts: 0 % searched"),
        (SearchReport(share=1.0), "earlier posts: all searched"),
        (SearchReport(share=0.375, files=8, compared=3), "earlier posts: 3 of 8 files of their hashes compared"),
    ],
)
def test_the_search_in_earlier_posts_is_one_line(search: SearchReport, line: str) -> None:
    assert line in lines(build_report(records()._replace(search=search), LATER)).splitlines()
    assert "earlier posts" not in lines(build_report(records(), LATER))


def test_a_list_of_others_never_acts() -> None:
    policy = msgspec.structs.replace(POLICY, review_only=True)
    shown = lines(build_report(records(entries=[case(policy=policy)], events=[], deliveries=[]), LATER))
    assert "never acts by itself" in shown
    assert not [words for words in ("acts from", "described by", "0 terms") if words in shown]


def test_text_of_a_platform_cannot_control_the_terminal() -> None:
    hostile = msgspec.structs.replace(POST, author="\x1b[2J\u202eevil", url="https://x.example/\x07")
    shown = lines(build_report(records(events=[takedown(post=hostile, links=["https://y/\x1b]0;"])]), LATER))
    assert not {"\x1b", "\x07", "\u202e"} & set(shown)


def test_the_json_has_stable_fields_and_times_in_utc() -> None:
    report = build_report(records(), LATER)
    found = msgspec.json.decode(msgspec.json.encode(report))
    assert found["hits"][0]["post"]["url"] == LONG_LINK
    assert found["hits"][0]["post"]["found_at"] == "2026-03-01T12:30:15.123456Z"
    assert found["hits"][0]["history"][1] == {
        "at": "2026-03-01T15:30:15.123456Z",
        "state": "approved",
        "by": "officer-7",
        "why": "seen",
    }
    assert set(found) == {
        "case_id", "name", "opened_at", "withdrawn_at", "is_allowed", "kind", "minor", "authority", "act", "review",
        "approve", "terms", "phrases", "models", "references", "states", "hits", "reviews", "families",
        "repeat_uploaders", "opened_by", "confirmed_by", "waits", "review_only", "search",
    }  # fmt: skip
    assert msgspec.json.decode(msgspec.json.encode(report), type=CaseReport) == report


@pytest.mark.parametrize(("hours", "text"), [(0.5, "30 min"), (2, "2 h"), (47, "47 h"), (72, "3 d")])
def test_lengths_of_time(hours: float, text: str) -> None:
    assert span(timedelta(hours=hours)) == text


def test_times_are_in_the_zone_of_the_settings_or_of_the_machine() -> None:
    assert LocalTime(load_settings(time_zone="Asia/Seoul")).minute(NOW) == "2026-03-01 21:30 KST"
    local = f"{NOW.astimezone():%Y-%m-%d %H:%M %Z}"
    assert LocalTime(load_settings(time_zone="")).minute(NOW.astimezone(UTC)) == local
