"""Hits: what they are made of, each once, and what a person reads of them."""

import io
from typing import Any

import msgspec
import pytest
from rich.console import Console

from schemas.messages import Message
from streams.desk.hits.hit import Hits
from streams.desk.hits.lines import print_line
from streams.desk.hits.watch import hit_lines
from streams.desk.local_time import LocalTime
from streams.desk.print_report import printable
from streams.settings import load_settings
from streams.takedown.life import chained, step
from tests.unit.made_messages import NOW, delivery, post_ref, removal, takedown, verdict
from tests.unit.takedown.test_quarantine import evidence_of

ZONE = LocalTime(load_settings(time_zone="Asia/Seoul"))


def kinds(*messages: Message, case_id: str | None = None) -> list[str]:
    hits = Hits(case_id)
    return [hit.what for message in messages if (hit := hits.of(message)) is not None]


def test_verdicts_to_act_and_review_are_hits_and_others_are_not() -> None:
    found = [verdict(verdict_id=name, decision=name) for name in ("act", "review", "dismiss")]
    assert kinds(*found, verdict(verdict_id="v4", case_id=None), removal()) == ["act", "review"]


def test_every_state_of_a_takedown_and_every_reminder_is_a_hit() -> None:
    issued = chained(takedown(), None)
    steps = [delivery(delivery_id=kind, kind=kind) for kind in ("attempt", "reminder", "look", "escalation")]
    assert kinds(issued, step(issued, "sent"), *steps) == ["issued", "sent", "reminder", "escalation"]


def test_a_hit_is_shown_once() -> None:
    issued = chained(takedown(), None)
    fork = chained(takedown(event_id="fork", state="held"), None)  # a second writer's, which is not in force
    assert kinds(verdict(), verdict(), issued, issued, fork, delivery(kind="reminder"), delivery(kind="reminder")) == [
        "act", "issued", "reminder",
    ]  # fmt: skip


def test_only_hits_of_the_case_are_shown() -> None:
    other: dict[str, Any] = {"case_id": "case-b"}
    assert kinds(verdict(), takedown(**other), verdict(verdict_id="v2", **other), case_id="case-b") == ["issued", "act"]


def test_a_hit_shows_whole_link_account_and_evidence_and_holds_no_picture() -> None:
    post = msgspec.structs.replace(post_ref(), url="https://example.org/" + "a" * 300, author="did:plc:x")
    pictured = msgspec.structs.replace(evidence_of("r1", 0.7), thumbnail=b"jpeg")
    hit = Hits().of(verdict(post=post, evidence=[pictured]))
    assert hit is not None
    text = "\n".join(hit_lines(hit, ZONE))
    assert f"{post.url} by did:plc:x, posted" in text
    assert "visual 0.70: 0:00-0:09 of medium 1 is 0:00-0:09 of reference r1" in text
    assert b"anBlZw" not in msgspec.json.encode(hit)


def test_a_hit_shows_who_decided_why_and_what_is_due() -> None:
    event = Hits().of(takedown(state="withdrawn", by="kim", why="another person"))
    reminder = Hits().of(delivery(kind="reminder", due_at=NOW))
    assert event is not None
    assert reminder is not None
    assert list(hit_lines(event, ZONE))[-1].strip() == "kim: another person"
    assert ", due 2026-03-01 21:30:15 KST" in "\n".join(hit_lines(reminder, ZONE))


@pytest.mark.parametrize("text", ["\x1b[2Jwiped", "a\nb", "left\N{RIGHT-TO-LEFT OVERRIDE}right"])
def test_an_address_cannot_change_the_terminal(text: str) -> None:
    assert printable(text).isprintable()


def test_a_long_line_is_not_cut() -> None:
    out = io.StringIO()
    print_line(Console(file=out, width=40), "https://example.org/" + "[b]" * 100)
    assert out.getvalue() == "https://example.org/" + "[b]" * 100 + "\n"
