"""The proof by force can fail: its comparison finds what is lost, wrong or doubled, and its plan can be repeated."""

from collections import Counter
from datetime import UTC, datetime

import msgspec

from ops.faults.feed import Kind
from ops.faults.offsets import Position
from ops.faults.plan import KILLS, make_plan
from ops.faults.recovery import Recovery
from ops.faults.system import CASE_ID
from ops.faults.verify import Findings, compare
from schemas.messages import DeadLetter, Decision, Message, PostRef, Takedown, Verdict
from streams.takedown.life import chained

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def post(name: str) -> PostRef:
    return PostRef(post_id=name, platform="test", url=f"https://example.org/{name}", published_at=NOW, seen_at=NOW)


def verdict(name: str, decision: Decision) -> Verdict:
    return Verdict(
        verdict_id=f"{name}-{decision}", post=post(name), case_id=CASE_ID if decision != "dismiss" else None,
        probability=1.0, decision=decision, reason="complete", act_at=0.9, review_at=0.5, policy_version="1",
        decided_at=NOW,
    )  # fmt: skip


def takedown(name: str, event: str = "issued") -> Takedown:
    made = Takedown(
        event_id=event, takedown_id=name, state="issued", post=post(name), case_id=CASE_ID, verdict_id="v",
        probability=1.0, act_at=0.9, policy_version="1", at=NOW,
    )  # fmt: skip
    return chained(made, None)


def letter(name: str, reason: str) -> DeadLetter:
    return DeadLetter(
        dead_letter_id="d", stage="decode", topic="posts", partition=0, offset=0, reason=reason, fate="unprocessable",
        detail="", key=name.encode(), at=NOW,
    )  # fmt: skip


def found(kind: Kind, *messages: Message, injected: int = 0) -> Findings:
    return compare({"a": kind}, messages, Counter({"issued": injected}), [])


def problems(findings: Findings) -> list[str]:
    return [name for name in ("lost", "wrong", "doubled", "set_aside") if getattr(findings, name)]


def test_each_kind_of_post_with_its_outcome_is_right() -> None:
    assert problems(found("copy", verdict("a", "act"), takedown("a"))) == []
    assert problems(found("mention", verdict("a", "review"))) == []
    assert problems(found("text", verdict("a", "dismiss"))) == []
    assert problems(found("broken", verdict("a", "dismiss"), letter("a", "link_gone"))) == []


def test_a_post_without_its_outcome_is_lost() -> None:
    assert problems(found("text")) == ["lost"]
    assert problems(found("copy", verdict("a", "dismiss"))) == ["lost"]
    assert problems(found("copy", verdict("a", "act"))) == ["lost"]
    assert problems(found("broken", verdict("a", "dismiss"))) == ["lost"]


def test_a_dead_letter_sets_a_post_aside_instead() -> None:
    assert problems(found("copy", letter("a", "stage_timeout"))) == ["set_aside"]


def test_an_outcome_of_another_kind_is_wrong() -> None:
    assert problems(found("text", verdict("a", "act"), takedown("a"))) == ["wrong"]
    assert problems(found("text", verdict("a", "dismiss"), takedown("a"))) == ["wrong"]


def test_a_second_takedown_is_doubled_unless_the_run_has_repeated_it() -> None:
    acted = (verdict("a", "act"), takedown("a"))
    assert problems(found("copy", *acted, takedown("a"))) == ["doubled"]
    assert problems(found("copy", *acted, takedown("a", event="other"))) == ["doubled"]
    assert problems(found("copy", verdict("a", "act"), msgspec.structs.replace(takedown("a"), hash=b"x"))) == [
        "doubled"
    ]
    assert problems(found("copy", *acted, takedown("a"), injected=1)) == []


def test_a_plan_is_the_same_for_its_seed_and_has_every_fault_as_often_as_asked_for() -> None:
    plan = make_plan(3, 40, ("outage", "pause"), rounds=2)
    assert plan == make_plan(3, 40, ("outage", "pause"), rounds=2) != make_plan(4, 40, ("outage", "pause"), rounds=2)
    kinds = Counter(fault.kind for fault in plan)
    assert kinds["outage"] == kinds["pause"] == 2
    assert sum(kinds[kind] for kind in KILLS) == 40


def test_a_stage_has_recovered_when_it_has_committed_what_waited_and_more() -> None:
    at = ("texts", 0)
    recovery = Recovery("kill", "text", since=0.0)
    for committed, end in ((5, 5), (5, 6), (6, 8)):
        recovery.update(Position({at: committed}, {at: end}))
        assert (recovery.seconds is not None) is (committed == 6)
