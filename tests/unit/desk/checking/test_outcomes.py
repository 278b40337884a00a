"""Verdicts, takedowns and dead letters of checked posts, and the answer that follows."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from schemas.codec import Codec
from schemas.ids import record_id
from schemas.messages import DeadLetter, Medium, Post, Takedown, Verdict
from streams.delivery.platforms.registry import load_registry
from streams.desk.checking.answer import Answer, exit_code
from streams.desk.checking.check import seen_at
from streams.desk.checking.lines import answer_lines
from streams.desk.checking.outcomes import LETTER_S, TAKEDOWN_S, Outcome, Outcomes, apply_earlier
from streams.desk.checking.post import checked_post
from streams.desk.checking.resolved import Resolved
from streams.errors import UnprocessableError
from tests.unit.console.made_site import evidence
from tests.unit.made_messages import takedown, verdict

ADDRESS = "https://site.example/watch/7"
NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
POST = checked_post(load_registry(), ADDRESS, NOW, [Medium(url="https://site.example/a.mp4")])
CODEC = Codec()


def letter(of: Post = POST, **changes: Any) -> DeadLetter:
    fields: dict[str, Any] = {
        "dead_letter_id": "d", "stage": "decode", "topic": "posts", "partition": 0, "offset": 0, "reason": "link_gone",
        "fate": "unprocessable", "detail": "answered 404", "key": of.post_id.encode(), "at": NOW,
        "value": CODEC.encode("posts", of),
    }  # fmt: skip
    return DeadLetter(**fields | changes)


def judged(case_id: str | None = "case-a", decision: str = "act", reason: str = "early", **changes: Any) -> Verdict:
    return verdict(post=POST.ref(), case_id=case_id, decision=decision, reason=reason, **changes)


def clear(**changes: Any) -> Verdict:
    return judged(None, "dismiss", "complete", probability=0.0, evidence=[], **changes)


def issued(of: Post = POST, **changes: Any) -> Takedown:
    takedown_id = record_id("takedown", of.post_id, "case-a")
    return takedown(
        takedown_id=takedown_id, post=of.ref(), case_id="case-a", **{"state": "issued", "at": NOW} | changes
    )


def outcomes(cases: set[str] | None = None) -> tuple[Outcomes, Outcome]:
    found = Outcomes(lambda one: seen_at(CODEC, one))
    found.add(Outcome(ADDRESS, POST, Resolved(ADDRESS, POST.media, n_named=1), cases, 0.0))
    return found, next(iter(found._open.values()))


def answers(found: Outcomes, now_s: float) -> list[Answer]:
    return [one.answer() for one in found.answered(now_s, 120.0)]


def test_a_copy_is_answered_once_its_takedown_is_there() -> None:
    found, _ = outcomes()
    found.apply(judged(evidence=[evidence(thumbnail=b"blurred")]), 1.0)
    assert answers(found, 1.0) == []
    found.apply(issued(), 1.5)
    (answer,) = answers(found, 1.5)
    assert (answer.result, answer.found[0].takedown, len(found)) == ("act", "issued", 0)
    assert [piece.thumbnail for piece in answer.found[0].evidence] == [None]


def test_a_post_whose_page_refuses_its_video_is_not_clear_though_its_pictures_are() -> None:
    found = Outcomes(lambda one: seen_at(CODEC, one))
    missing = UnprocessableError("link_forbidden", "yt-dlp: Private video")
    found.add(Outcome(ADDRESS, POST, Resolved(ADDRESS, POST.media, missing=missing), None, 0.0))
    found.apply(clear(), 1.0)
    (answer,) = answers(found, 1.0 + LETTER_S)
    assert (answer.result, answer.reason, answer.detail) == ("unread", "link_forbidden", "yt-dlp: Private video")


def test_a_review_is_answered_once_the_post_is_judged() -> None:
    found, _ = outcomes()
    found.apply(judged(decision="review", reason="complete"), 1.0)
    (answer,) = answers(found, 1.0)
    assert (answer.result, answer.found[0].decision) == ("review", "review")


def test_nothing_is_found_only_when_no_medium_was_left_out() -> None:
    found, _ = outcomes()
    found.apply(clear(), 1.0)
    assert answers(found, 1.0 + LETTER_S / 2) == []
    found.apply(letter(), 1.5)
    (answer,) = answers(found, 1.5)
    assert (answer.result, answer.reason, answer.detail) == ("unread", "link_gone", "answered 404")
    found, _ = outcomes()
    found.apply(clear(), 1.0)
    (answer,) = answers(found, 1.0 + LETTER_S)
    assert answer.result == "nothing"


def test_what_an_earlier_check_of_the_same_address_got_is_no_answer() -> None:
    found, outcome = outcomes()
    before = msgspec.structs.replace(POST, seen_at=NOW - timedelta(hours=1))
    found.apply(judged(), 1.0)
    outcome.verdicts.clear()
    found.apply(verdict(post=before.ref(), case_id="case-a", decision="act"), 1.0)
    found.apply(letter(before, at=NOW + timedelta(seconds=1)), 1.0)  # by its original, not by the clock of the worker
    assert outcome.answer().result == "waiting"


def test_only_the_cases_asked_for_are_shown() -> None:
    found, _ = outcomes({"case-b"})
    found.apply(judged("case-a", "review", "complete"), 1.0)
    (answer,) = answers(found, 1.0 + LETTER_S)
    assert (answer.result, answer.found) == ("nothing", [])


@pytest.mark.parametrize("other", [False, True])
def test_a_takedown_of_an_earlier_verdict_serves_the_address(other: bool) -> None:
    found, _ = outcomes()
    found.apply(judged(), 1.0)
    assert found.lacking_takedowns(1.0) == []
    lacking = found.lacking_takedowns(1.0 + TAKEDOWN_S)
    of_a_feed = msgspec.structs.replace(POST, post_id="from-a-feed") if other else POST
    apply_earlier(lacking, issued(of_a_feed, state="issued"))
    apply_earlier(lacking, issued(of_a_feed, state="sent", at=NOW + timedelta(minutes=1)))
    apply_earlier(
        lacking, issued(msgspec.structs.replace(POST, post_id="x", url="https://else.example/"), state="held")
    )
    (answer,) = answers(found, 1.0 + TAKEDOWN_S)
    assert answer.found[0].takedown == "sent"


def test_a_post_without_a_verdict_in_time_waits() -> None:
    found, _ = outcomes()
    (answer,) = answers(found, 120.0)
    assert answer.result == "waiting"
    assert "no verdict yet" in next(answer_lines(answer))


def test_records_of_other_posts_change_nothing() -> None:
    found, outcome = outcomes()
    found.apply(verdict(), 1.0)
    found.apply(takedown(), 1.0)
    found.apply(letter(msgspec.structs.replace(POST, post_id="x" * 36)), 1.0)
    assert outcome.answer().result == "waiting"


def test_the_exit_code_is_that_of_the_strongest_result() -> None:
    made = {result: Answer(address="a", result=result) for result in ("act", "review", "unread", "waiting", "nothing")}
    assert [exit_code(made[one] for one in many.split()) for many in (
        "nothing nothing", "nothing unread review act", "review unread", "waiting nothing", "unread nothing",
    )] == [0, 3, 4, 5, 5]  # fmt: skip
    assert exit_code([]) == 0


def test_the_lines_of_a_copy_name_what_follows_and_the_stretches() -> None:
    found, _ = outcomes()
    found.apply(judged(evidence=[evidence()], probability=0.99), 1.0)
    found.apply(issued(state="held", held_for=["case-a"]), 1.0)
    first, second, third = answer_lines(answers(found, 1.0)[0])
    assert first == f"act      {ADDRESS}"
    assert second.startswith("    case-a 0.99: a copy; the takedown waits for a person")
    assert "of reference" in third


def test_a_channel_is_looked_at_in_part_and_its_line_says_so() -> None:
    found, outcome = outcomes()
    outcome._resolved = Resolved(ADDRESS, POST.media, n_named=3_000)
    found.apply(clear(), 1.0)
    (answer,) = answers(found, 60.0)
    (line,) = answer_lines(answer)
    assert line.endswith("its page names 3000 media, of which 1 are looked at")


def test_the_id_of_a_post_is_its_address_without_the_fragment() -> None:
    again = checked_post(load_registry(), f"{ADDRESS}#t=30", NOW + timedelta(days=1))
    assert (again.post_id, again.url, again.platform) == (POST.post_id, ADDRESS, "web")
