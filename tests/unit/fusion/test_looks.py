"""Second looks in fusion: when a post asks for them, what an answer replaces, and what happens without one."""

from itertools import permutations
from typing import Any

import msgspec
import pytest

from schemas.codec import Codec
from schemas.messages import Interval, Look, Match, Parts, Passage, Scores, Verdict
from streams.fusion.join_window import JoinWindow
from streams.fusion.looks import MAX_LOOKS
from streams.fusion.post_state import PostState
from streams.fusion.rules import Rules
from streams.replay.run_state import RunState
from tests.unit.fusion.test_post_state import LIKELY, NOW_S, RULES, SURE, WEAK
from tests.unit.made_messages import match, post_ref, scores

ASKING = RULES._replace(look_at=0.05)
PICTURES = Parts(visual=1, audio=0, text=0)
URL = "https://cdn.example/a.mp4"
DEADLINE_S, RETENTION_S = 30.0, 1_000.0


def first_pass(*found: Match, medium: int = 0, url: str = URL, parts: Parts = PICTURES, **changes: Any) -> Scores:
    made = scores("visual", *found, medium=medium, parts=parts, number=medium)
    return msgspec.structs.replace(made, segment=msgspec.structs.replace(made.segment, url=url), **changes)


def answer(look: Look, *found: Match, gone: str = "") -> Scores:
    made = scores("visual", *found)
    return msgspec.structs.replace(made, score_id="look", segment=look.segment, look=look.number, gone=gone)


def at(start_s: float, end_s: float, score: float = LIKELY, case_id: str = "case-a", **changes: Any) -> Match:
    return match(score, case_id, query=Interval(start_s=start_s, end_s=end_s), **changes)


def new_state(parts: Parts = PICTURES) -> PostState:
    return PostState(post=post_ref(), parts=parts, deadline_s=NOW_S + DEADLINE_S)


def add(state: PostState, *many: Scores, rules: Rules = ASKING) -> list[tuple[str | None, str, str]]:
    found: list[Verdict] = []
    for each in many:
        verdicts = state.add(each, rules, NOW_S)
        state.mark_delivered(verdicts)
        found += verdicts
    return [(verdict.case_id, verdict.decision, verdict.reason) for verdict in found]


def stretches(state: PostState) -> list[tuple[int, float, float]]:
    found = [look.segment for look in state.looks.asked]
    return [(one.medium, one.start_s, one.start_s + one.duration_s) for one in found]


def asked(state: PostState) -> Look:
    (look,) = state.looks.asked
    return look


def test_what_is_found_perhaps_is_looked_at_again_before_a_person_is_asked() -> None:
    state = new_state()
    assert add(state, first_pass(at(20, 30))) == []
    look = asked(state)
    assert (look.number, look.reason, look.segment.url, look.segment.medium) == (1, "found", URL, 0)
    assert stretches(state) == [(0, 15.0, 35.0)]
    assert Codec().decode("looks", Codec().encode("looks", look)) == look
    assert add(state, answer(look, at(16, 34, SURE))) == [("case-a", "act", "complete")]


def test_an_answer_that_finds_nothing_leaves_nothing_to_review() -> None:
    state = new_state()
    add(state, first_pass(at(20, 30)))
    assert add(state, answer(asked(state))) == [(None, "dismiss", "complete")]


def test_nothing_else_is_looked_at_again() -> None:
    nothing, acted, faint = new_state(), new_state(), new_state()
    assert add(nothing, first_pass()) == [(None, "dismiss", "complete")]
    assert add(acted, first_pass(at(20, 30, SURE))) == [("case-a", "act", "complete")]
    assert add(faint, first_pass(at(20, 30, WEAK))) == [("case-a", "dismiss", "complete")]
    assert [state.looks.asked for state in (nothing, acted, faint)] == [[], [], []]


def test_with_looks_off_everything_is_as_without_them() -> None:
    state = new_state()
    assert add(state, first_pass(at(20, 30)), rules=RULES) == [("case-a", "review", "complete")]
    assert state.looks.asked == []


def test_a_medium_without_an_address_is_not_waited_for() -> None:
    assert add(new_state(), first_pass(at(20, 30), url="")) == [("case-a", "review", "complete")]


def test_a_picture_is_not_looked_at_again_for_it_has_been_seen_whole() -> None:
    made = first_pass(at(0, 0))
    picture = msgspec.structs.replace(made, segment=msgspec.structs.replace(made.segment, start_s=0.0, duration_s=0.0))
    assert add(new_state(), picture) == [("case-a", "review", "complete")]


def test_a_post_asks_only_once_it_is_complete() -> None:
    state = new_state(Parts(visual=2, audio=0, text=0))
    add(state, first_pass(at(20, 30)))
    assert state.looks.asked == []
    add(state, first_pass(at(1, 2), medium=1, url=URL + "2"))
    assert sorted(stretches(state)) == [(0, 15.0, 35.0), (1, 0.0, 7.0)]
    assert {look.segment.medium: look.segment.url for look in state.looks.asked} == {0: URL, 1: URL + "2"}


def test_a_name_alone_has_the_first_minute_of_each_medium_looked_at() -> None:
    parts = Parts(visual=3, audio=0, text=1)
    state = new_state(parts)
    media = [first_pass(medium=number, parts=parts) for number in range(3)]
    assert add(state, *media, scores("text", match(1.0, terms=1), medium=-1, parts=parts)) == []
    assert {look.reason for look in state.looks.asked} == {"named"}
    assert stretches(state) == [(0, 0.0, 60.0), (1, 0.0, 60.0), (2, 0.0, 60.0)]
    none_found = [answer(look) for look in state.looks.asked]
    assert add(state, *none_found) == [("case-a", "review", "complete")]


def test_a_sound_has_the_pictures_at_its_place_looked_at() -> None:
    parts = Parts(visual=1, audio=1, text=0)
    state = new_state(parts)
    add(state, scores("audio", at(40, 50), parts=parts), first_pass(parts=parts))
    assert stretches(state) == [(0, 35.0, 55.0)]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (at(2, 8), (0.0, 13.0)),
        (at(55, 60), (50.0, 60.0)),
        (at(55, 62.5), (50.0, 60.0)),
        (at(0, 60), (0.0, 60.0)),
        (at(3, 59), (0.0, 60.0)),
        (at(30, 30), (25.0, 35.0)),
    ],
)
def test_a_stretch_has_a_margin_within_the_medium_and_at_most_a_minute(
    found: Match, expected: tuple[float, float]
) -> None:
    state = new_state()
    add(state, first_pass(found))
    assert stretches(state) == [(0, *expected)]


def test_an_answer_replaces_a_passage_that_extends_beyond_its_medium() -> None:
    state = new_state()
    add(state, first_pass(at(0, 80)))
    assert add(state, answer(asked(state))) == [(None, "dismiss", "complete")]


def test_of_a_sound_after_the_pictures_the_last_ones_are_looked_at() -> None:
    parts = Parts(visual=1, audio=1, text=0)
    state = new_state(parts)
    add(state, scores("audio", at(70, 80), parts=parts), first_pass(parts=parts))
    assert stretches(state) == [(0, 55.0, 60.0)]


def test_a_stretch_contains_all_passages() -> None:
    passages = [
        Passage(query=Interval(start_s=a, end_s=a + 4), reference=Interval(start_s=a, end_s=a + 4), score=0.5)
        for a in (10.0, 40.0)
    ]
    state = new_state()
    add(state, first_pass(at(40, 44, passages=passages)))
    assert stretches(state) == [(0, 5.0, 49.0)]


def test_a_post_has_at_most_four_looks_whatever_is_found_in_it() -> None:
    parts = Parts(visual=9, audio=0, text=0)
    state = new_state(parts)
    add(state, *(first_pass(at(20, 30), medium=number, parts=parts) for number in range(9)))
    assert len(state.looks.asked) == MAX_LOOKS == 4
    assert add(state, *(answer(look) for look in list(state.looks.asked))) == [("case-a", "review", "complete")]
    assert len(state.looks.asked) == MAX_LOOKS


def test_two_cases_at_one_place_share_a_look_and_a_takedown_asks_for_none() -> None:
    state = new_state()
    assert add(state, first_pass(at(20, 30), at(19, 31, 0.55, "case-b"))) == []
    assert len(state.looks.asked) == 1
    acting = new_state()
    assert add(acting, first_pass(at(20, 30, SURE), at(20, 30, LIKELY, "case-b"))) == [("case-a", "act", "complete")]
    assert len(acting.looks.asked) == 1
    assert add(acting, answer(asked(acting))) == []


def test_the_verdict_is_the_same_in_whatever_order_and_however_often_records_arrive() -> None:
    parts = Parts(visual=1, audio=1, text=0)
    first, sound = first_pass(at(20, 30), parts=parts), scores("audio", parts=parts)
    state = new_state(parts)
    add(state, first, sound)
    second = answer(asked(state), at(16, 34, 0.55))
    found = set()
    for order in permutations([first, sound, second, first, second]):
        state = new_state(parts)
        add(state, *order)
        state.mark_delivered(state.close(ASKING, NOW_S))
        found.add(tuple((piece.score, piece.look) for piece in state.evidence["case-a"]))
        assert state.decided == {"case-a": "review"}
    assert found == {((0.55, 1),)}


def test_an_answer_replaces_pictures_of_its_stretch_alone() -> None:
    parts = Parts(visual=2, audio=1, text=0)
    state = new_state(parts)
    add(state, first_pass(at(20, 30), at(45, 55, 0.55, reference_id="r2"), parts=parts))
    add(state, scores("audio", at(20, 30, 0.5), parts=parts), first_pass(at(20, 30, 0.5), medium=1, parts=parts))
    look = next(look for look in state.looks.asked if look.segment.medium == 0 and look.segment.start_s == 15)
    add(state, answer(look))
    left = {(piece.modality, piece.medium, piece.query.start_s) for piece in state.evidence["case-a"]}
    assert left == {("visual", 0, 45.0), ("visual", 1, 20.0), ("audio", 0, 20.0)}


def test_an_answer_that_has_not_seen_its_stretch_replaces_nothing_and_says_so() -> None:
    state = new_state()
    add(state, first_pass(at(20, 30)))
    (verdict,) = state.add(answer(asked(state), gone="link_gone"), ASKING, NOW_S)
    assert (verdict.decision, verdict.reason) == ("review", "complete")
    assert verdict.contributions[-1].why == "no second look at medium 0, 15-35 s: link_gone"
    assert verdict.contributions[-1].added == 0.0


def test_a_seen_answer_counts_although_the_stretch_was_gone_at_another_attempt() -> None:
    for gone_first in (True, False):
        state = new_state(Parts(visual=1, audio=1, text=0))
        add(state, first_pass(at(20, 30)), scores("audio"))
        both = [answer(asked(state), gone="expired"), answer(asked(state))]
        add(state, *(both if gone_first else both[::-1]))
        assert "case-a" not in state.evidence


def test_at_the_deadline_a_person_decides_and_learns_that_the_look_is_missing() -> None:
    state = new_state()
    add(state, first_pass(at(20, 30)))
    (verdict,) = state.close(ASKING, NOW_S)
    assert (verdict.decision, verdict.reason) == ("review", "deadline")
    assert verdict.contributions[-1].why == "no second look at medium 0, 15-35 s: no answer in time"
    assert [type(piece).__name__ for piece in verdict.evidence] == ["Evidence"]
    state.mark_delivered([verdict])
    assert state.is_settled
    # An answer after the deadline still counts, and a decision is never lowered.
    assert add(state, answer(asked(state))) == []
    assert add(state, answer(asked(state), at(20, 30, SURE))) == [("case-a", "act", "complete")]


def test_late_scores_wait_for_their_look_too() -> None:
    state = new_state()
    add(state, first_pass())
    assert add(state, first_pass(at(20, 30), late=True)) == []
    assert not state.is_settled
    assert add(state, answer(asked(state), at(18, 32, LIKELY))) == [("case-a", "review", "late")]
    assert state.is_settled


def test_a_late_name_of_a_post_that_is_still_arriving_waits_for_its_media() -> None:
    parts = Parts(visual=1, audio=0, text=1)
    state = new_state(parts)
    name = scores("text", match(1.0, terms=1), medium=-1, parts=parts)
    assert add(state, name, msgspec.structs.replace(name, late=True)) == []
    assert add(state, first_pass(parts=parts)) == []
    assert add(state, answer(asked(state))) == [("case-a", "review", "complete")]


def test_late_scores_of_an_evicted_post_wait_for_their_look_too() -> None:
    answered, alone = new_state(), new_state()
    late = first_pass(at(20, 30), late=True)
    assert add(answered, late) == add(alone, late) == []
    assert add(answered, answer(asked(answered), at(18, 32, SURE))) == [("case-a", "act", "late")]
    (verdict,) = alone.close(ASKING, NOW_S)
    assert verdict.decision == "review"


@pytest.mark.parametrize(("n_pictures", "n_looks"), [(1, 1), (0, 0)])
def test_late_scores_of_a_sound_ask_for_a_look_at_its_pictures(n_pictures: int, n_looks: int) -> None:
    parts = Parts(visual=n_pictures, audio=1, text=1)
    found = scores("audio", at(20, 30), late=True, parts=parts)
    state = new_state(parts)
    add(state, msgspec.structs.replace(found, segment=msgspec.structs.replace(found.segment, url=URL)))
    assert [stretch[1:] for stretch in stretches(state)] == [(15.0, 35.0)] * n_looks


def test_an_answer_that_was_never_asked_for_counts_as_in_a_replay() -> None:
    recorded = new_state()
    add(recorded, first_pass(at(20, 30)))
    state = new_state(Parts(visual=1, audio=1, text=0))
    add(state, answer(asked(recorded), at(18, 32, 0.55)), first_pass(at(20, 30)), rules=RULES)
    assert [piece.score for piece in state.evidence["case-a"]] == [0.55]


async def test_a_look_moves_the_deadline_once_and_a_closed_post_that_waits_is_not_evicted() -> None:
    async def rules(_: set[str]) -> Rules:
        return ASKING

    window = JoinWindow(RunState(), rules, DEADLINE_S, RETENTION_S)

    async def joined(message: Scores, now_s: float) -> list[Look]:
        state, verdicts, looks = await window.add(message, now_s)
        await window.save(state, verdicts, now_s)
        return looks

    late = first_pass(at(20, 30), late=True)
    assert await joined(first_pass(), 0.0) == []
    (look,) = await joined(late, 100.0)
    assert await joined(late, 110.0) == []
    state = window.state("p1")
    assert state is not None
    assert (state.closed, state.is_settled, state.deadline_s) == (True, False, 100.0 + DEADLINE_S)
    assert [found.post.post_id for found in window.open_states()] == ["p1"]
    assert list(window.expired(100.0 + DEADLINE_S)) == ["p1"]
    verdicts = await window.close(state, 130.0)
    await window.save(state, verdicts, 130.0)
    assert [(one.decision, one.reason) for one in verdicts] == [("review", "late")]
    assert state.deadline_s == 130.0 + RETENTION_S
    assert look.look_id == state.looks.asked[0].look_id


def test_a_state_from_before_looks_is_read() -> None:
    old = msgspec.msgpack.encode({"post": post_ref(), "parts": PICTURES, "deadline_s": 1.0, "heard": {"visual": [0]}})
    state = msgspec.msgpack.decode(old, type=PostState)
    assert state.looks.asked == []
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=PostState) == state
