import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from rich.console import Console

from schemas.messages import Contribution, DeadLetter, Decision, Evidence, Interval, Post, Takedown, Verdict
from streams.demo.posts import DemoPost
from streams.demo.report import Observed, OpenedCase, report
from streams.demo.results import PostResult, Report, to_json
from streams.demo.scenario import Kind
from streams.demo.table import print_table

START = datetime(2026, 1, 1, tzinfo=UTC)
CASES = {
    "c1": OpenedCase("clover", START - timedelta(minutes=1)),
    "c2": OpenedCase("willow", START + timedelta(seconds=30)),
}


def a_post(post_id: str = "p", kind: Kind = "copy", case: str | None = "clover") -> DemoPost:
    post = Post(post_id=post_id, platform="demo", url="u", published_at=START, seen_at=START)
    return DemoPost(post, kind, f"{kind} {post_id}", "none" if case is None else "act", case)


def evidence(modality: Any = "visual", end_s: float = 9.0) -> Evidence:
    return Evidence(
        modality=modality,
        model="m",
        version="1",
        reference_id="r",
        medium=0,
        score=0.9,
        probability=0.9,
        query=Interval(start_s=1.0, end_s=end_s),
        reference=Interval(start_s=0.0, end_s=8.0),
    )


def a_verdict(decision: Decision, case_id: str | None = "c1", at_s: float = 4.0, post_id: str = "p") -> Verdict:
    return Verdict(
        verdict_id=f"v-{decision}",
        post=a_post(post_id).post.ref(),
        case_id=case_id,
        probability={"act": 0.99, "review": 0.7, "dismiss": 0.1}[decision],
        decision=decision,
        reason="complete",
        act_at=0.95,
        review_at=0.5,
        policy_version="1",
        evidence=[evidence(), evidence("audio", 5.0), evidence("visual", 3.0)],
        contributions=[Contribution(modality="visual", added=7.25, why="pictures match r1")],
        decided_at=START + timedelta(seconds=at_s),
    )


def a_takedown(case_id: str = "c1", at_s: float = 5.0, post_id: str = "p") -> Takedown:
    return Takedown(
        event_id="e",
        takedown_id="t",
        state="issued",
        post=a_post(post_id).post.ref(),
        case_id=case_id,
        verdict_id="v-act",
        probability=0.99,
        act_at=0.95,
        policy_version="1",
        at=START + timedelta(seconds=at_s),
    )


def a_dead_letter(key: bytes = b"p/0") -> DeadLetter:
    return DeadLetter(
        dead_letter_id="d",
        stage="decode",
        topic="posts",
        partition=0,
        offset=0,
        reason="link_gone",
        fate="unprocessable",
        detail="404",
        key=key,
        at=START + timedelta(seconds=2),
    )


def judged(post: DemoPost, *messages: Verdict | Takedown | DeadLetter) -> Report:
    return report(
        [post],
        Observed(
            verdicts=[m for m in messages if isinstance(m, Verdict)],
            takedowns=[m for m in messages if isinstance(m, Takedown)],
            dead_letters=[m for m in messages if isinstance(m, DeadLetter)],
            cases=CASES,
            fed_at={post.post.post_id: START},
        ),
    )


def row(made: Report) -> PostResult:
    (result,) = made.posts
    return result


@pytest.mark.parametrize("decision", ["act", "review"])
def test_a_copy_acted_on_or_given_to_review_for_its_case_is_found(decision: Decision) -> None:
    takedowns = (a_takedown(),) if decision == "act" else ()
    made = judged(a_post(), a_verdict(decision), *takedowns)
    assert row(made).found
    assert made.summary.missed == 0
    assert made.passed is (decision == "act")


def test_a_copy_under_review_that_is_to_be_acted_on_is_found_but_its_run_is_not_complete_and_fails() -> None:
    review, act = a_verdict("review"), a_verdict("act")
    assert not judged(a_post()).is_complete
    assert not judged(a_post(), review).is_complete
    assert not judged(a_post(), review).passed
    assert judged(a_post(), review, act, a_takedown()).passed
    assert judged(a_post(kind="unrelated", case=None)).passed


def test_an_act_on_a_copy_that_a_person_should_decide_on_fails_the_run_and_is_not_waited_for() -> None:
    screenshot = dataclasses.replace(a_post(), expected="review")
    assert judged(screenshot, a_verdict("review")).passed
    made = judged(screenshot, a_verdict("act"), a_takedown())
    assert made.is_complete
    assert made.summary.unexpected == 1
    assert not made.passed


@pytest.mark.parametrize("verdict", [None, a_verdict("dismiss", None), a_verdict("review", "c2")])
def test_a_copy_dismissed_without_verdict_or_given_to_another_case_is_missed(verdict: Verdict | None) -> None:
    made = judged(a_post(), *([verdict] if verdict else []))
    assert made.summary.missed == 1
    assert not made.passed


@pytest.mark.parametrize("post", [a_post(kind="unrelated", case=None), a_post(kind="mention"), a_post(case="willow")])
def test_an_act_for_a_case_of_which_the_post_holds_no_copy_is_wrong(post: DemoPost) -> None:
    made = judged(post, a_verdict("act"), a_takedown())
    assert made.summary.wrong_acts == 1
    assert not made.passed


def test_a_wrong_takedown_without_a_verdict_is_a_wrong_act() -> None:
    assert judged(a_post(kind="unrelated", case=None), a_takedown()).summary.wrong_acts == 1


def test_an_unrelated_post_given_to_review_is_no_wrong_act_and_fails_the_run() -> None:
    made = judged(a_post(kind="unrelated", case=None), a_verdict("review"))
    assert made.summary.wrong_acts == 0
    assert not made.passed
    assert made.summary.reviews == 1


def test_an_act_without_its_takedown_event_fails_the_run() -> None:
    made = judged(a_post(), a_verdict("act"))
    assert made.summary.untold == 1
    assert not made.passed


def test_a_broken_post_needs_a_dead_letter_and_a_sound_one_must_have_none() -> None:
    broken = a_post(kind="broken", case=None)
    assert judged(broken, a_dead_letter()).passed
    assert row(judged(broken, a_dead_letter())).dead_letter_reason == "link_gone"
    assert not judged(broken).passed
    assert not judged(a_post(kind="unrelated", case=None), a_dead_letter()).passed


def test_the_strongest_verdict_counts_in_any_order_of_arrival() -> None:
    verdicts = a_verdict("review", at_s=2), a_verdict("act", at_s=4), a_verdict("dismiss", None, at_s=6)
    for order in (verdicts, verdicts[::-1]):
        assert row(judged(a_post(), *order, a_takedown())).decision == "act"


def test_seconds_run_from_feeding_to_the_takedown() -> None:
    assert row(judged(a_post(), a_verdict("act", at_s=4), a_takedown(at_s=5))).seconds == 5


def test_seconds_of_a_case_opened_later_run_from_its_opening() -> None:
    late = judged(a_post(case="willow"), a_verdict("act", "c2", at_s=32), a_takedown("c2", at_s=33))
    assert row(late).seconds == 3


def test_modalities_are_listed_once_and_every_interval_is_kept() -> None:
    result = row(judged(a_post(), a_verdict("act"), a_takedown()))
    assert result.modalities == ["visual", "audio"]
    assert [where.query for where in result.where] == [(1, 9), (1, 5), (1, 3)]
    assert result.why == ["pictures match r1 (+7.2)"]


def test_latencies_are_those_of_found_posts() -> None:
    posts = [a_post(f"p{n}") for n in range(100)] + [a_post("broken", "broken", None)]
    observed = Observed(
        verdicts=[a_verdict("review", at_s=n + 1, post_id=f"p{n}") for n in range(100)],
        takedowns=[],
        dead_letters=[a_dead_letter(b"broken")],
        cases=CASES,
        fed_at={post.post.post_id: START for post in posts},
    )
    summary = report(posts, observed).summary
    assert (summary.latency_p50_s, summary.latency_p99_s) == (50, 99)
    assert summary.dead_letters == 1


def test_the_json_has_the_documented_fields() -> None:
    made = msgspec.json.decode(to_json(judged(a_post(), a_verdict("act"), a_takedown())))
    documented = {"posts", "expected", "missed", "wrong_acts", "acts", "reviews", "dead_letters"}
    assert documented | {"latency_p50_s", "latency_p99_s"} <= made["summary"].keys()
    (entry,) = made["posts"]
    assert (entry["post_id"], entry["decision"], entry["takedown_id"], entry["found"]) == ("p", "act", "t", True)


def test_the_table_shows_each_post_and_its_failure() -> None:
    console = Console(width=160, record=True, quiet=True)
    quiet = report([], Observed(verdicts=[], takedowns=[], dead_letters=[], cases={}, fed_at={}))
    print_table(quiet, console)
    with console.capture() as captured:
        console.quiet = False
        print_table(judged(a_post(), a_verdict("act"), a_takedown()), console)
        print_table(judged(a_post()), console)
    text = captured.get()
    assert "act clover 0.99" in text
    assert "visual 1-9 s, audio 1-5 s" in text
    assert "p50 5.0 s" in text
    assert "missed" in text


def test_the_table_marks_a_decision_that_is_not_the_expected_one() -> None:
    console = Console(width=160)
    with console.capture() as captured:
        print_table(judged(a_post(), a_verdict("review")), console)
    assert "not as expected" in captured.get()
