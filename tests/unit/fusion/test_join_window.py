"""The join window in event time, as a replay uses it: state in memory, rules that are given."""

from datetime import timedelta

import msgspec

from models.fusion.noisy_or import NoisyOr, read_curves
from models.manifest import MANIFEST
from schemas.messages import Parts, Scores, Verdict
from streams.fusion.join_window import JoinWindow
from streams.fusion.rules import Rules
from streams.replay.run_state import RunState
from tests.unit.made_messages import POLICY, match, post_ref, scores

RULES = Rules(
    NoisyOr("noisy-or", "1", read_curves(MANIFEST.with_name("fusion").joinpath("noisy-or-1.json").read_bytes())),
    {"case-a": POLICY},
)
DEADLINE_S, RETENTION_S = 30.0, 1_000.0
ONE = Parts(visual=1, audio=0, text=0)


async def rules(_: set[str]) -> Rules:
    return RULES


def window_over(state: RunState) -> JoinWindow:
    return JoinWindow(state, rules, DEADLINE_S, RETENTION_S)


def of_post(post_id: str, found: Scores) -> Scores:
    segment = msgspec.structs.replace(found.segment, post=post_ref(post_id))
    return msgspec.structs.replace(found, segment=segment)


async def add(window: JoinWindow, post_id: str, found: Scores, now_s: float) -> list[Verdict]:
    state, verdicts, _ = await window.add(of_post(post_id, found), now_s)
    await window.save(state, verdicts, now_s)
    return verdicts


async def expire(window: JoinWindow, now_s: float) -> list[tuple[str, list[Verdict]]]:
    """Close and evict what is due, as the engine of a run does; return the posts closed."""
    closed = []
    for post_id in window.expired(now_s):
        state = window.state(post_id)
        assert state is not None
        if state.is_settled:
            await window.evict(post_id)
            continue
        at_s = state.deadline_s
        verdicts = await window.close(state, at_s)
        await window.save(state, verdicts, at_s)
        closed.append((post_id, verdicts))
    return closed


async def test_posts_are_closed_by_deadline_and_then_by_post_id_in_whatever_order_they_were_opened() -> None:
    window = window_over(RunState())
    for post_id, now_s in (("c", 5.0), ("b", 5.0), ("a", 6.0), ("d", 4.0)):
        await add(window, post_id, scores("visual"), now_s)
    assert [post_id for post_id, _ in await expire(window, 5.0 + DEADLINE_S)] == ["d", "b", "c"]
    assert [state.post.post_id for state in window.open_states()] == ["a"]


async def test_a_post_is_closed_once_however_often_its_scores_arrived() -> None:
    window = window_over(RunState())
    for number in range(3):
        missing = scores("visual", number=number, parts=Parts(visual=9, audio=0, text=0))
        await add(window, "a", missing, float(number))
    assert [post_id for post_id, _ in await expire(window, DEADLINE_S)] == ["a"]
    assert await expire(window, DEADLINE_S + 1) == []


async def test_the_state_of_a_closed_post_is_evicted_after_its_retention_and_not_before() -> None:
    state = RunState()
    window = window_over(state)
    await add(window, "a", scores("visual", parts=Parts(visual=1, audio=0, text=0)), 0.0)
    assert state.changes().keys() == {b"a"}
    assert await expire(window, RETENTION_S - 1) == []
    assert state.changes() == {}
    assert await expire(window, RETENTION_S) == []
    assert state.changes() == {b"a": None}


async def test_a_window_over_restored_state_comes_to_the_same_verdicts() -> None:
    async def verdicts_of(restart_after: int | None) -> list[list[Verdict]]:
        state, found = RunState(), []
        window, kept = window_over(state), dict[bytes, bytes]()
        steps = [("a", scores("visual", match(0.6))), ("b", scores("audio")), ("a", scores("audio", match(0.6)))]
        for number, (post_id, message) in enumerate(steps):
            found.append(await add(window, post_id, message, float(number)))
            kept |= {key: value for key, value in state.changes().items() if value is not None}
            if number == restart_after:
                state = RunState(kept)
                window = window_over(state)
        return [*found, *(verdicts for _, verdicts in await expire(window, 100.0))]

    whole = await verdicts_of(None)
    assert sum(map(len, whole)) >= 2
    for restart_after in range(3):
        assert await verdicts_of(restart_after) == whole


async def test_the_join_window_of_a_post_starts_again_when_its_media_are_counted() -> None:
    window = window_over(RunState())
    parts = Parts(visual=1, audio=1, text=1)
    for now_s, found, pending in ((0.0, scores("text"), True), (20.0, scores("visual"), False)):
        own = msgspec.structs.replace(parts, pending=pending)
        segment = msgspec.structs.replace(found.segment, parts=own)
        await add(window, "a", msgspec.structs.replace(found, segment=segment), now_s)
    assert await expire(window, 49.0) == []
    assert [post_id for post_id, _ in await expire(window, 50.0)] == ["a"]


async def test_a_post_that_is_seen_again_after_its_verdict_is_judged_again() -> None:
    window = window_over(RunState())
    first, again = scores("visual", match(0.9), parts=ONE), scores("visual", match(0.9), parts=ONE)
    later = msgspec.structs.replace(first.segment.post, seen_at=first.segment.post.seen_at + timedelta(minutes=5))
    again = msgspec.structs.replace(again, segment=msgspec.structs.replace(again.segment, post=later))
    nothing = msgspec.structs.replace(again, matches=[], segment=again.segment)

    async def added(found: Scores, now_s: float) -> list[tuple[str | None, str]]:
        state, verdicts, _ = await window.add(found, now_s)
        await window.save(state, verdicts, now_s)
        return [(verdict.case_id, verdict.decision) for verdict in verdicts]

    assert await added(first, 1.0) == [("case-a", "act")]
    assert await added(first, 2.0) == []  # delivered twice
    assert await added(again, 3.0) == [("case-a", "act")]
    assert await added(first, 4.0) == []  # of the first time, delivered late
    latest = msgspec.structs.replace(later, seen_at=later.seen_at + timedelta(minutes=5))
    gone = msgspec.structs.replace(nothing, segment=msgspec.structs.replace(nothing.segment, post=latest))
    assert await added(gone, 5.0) == [(None, "dismiss")]  # what was behind the address is there no more


async def test_a_post_that_is_seen_again_before_its_verdict_is_judged_once() -> None:
    window = window_over(RunState())
    parts = Parts(visual=1, audio=0, text=1)
    visual, text = scores("visual", match(0.2), parts=parts), scores("text", parts=parts)
    later = msgspec.structs.replace(visual.segment.post, seen_at=visual.segment.post.seen_at + timedelta(seconds=1))
    again = [
        msgspec.structs.replace(one, segment=msgspec.structs.replace(one.segment, post=later)) for one in (visual, text)
    ]
    verdicts: list[Verdict] = []
    for found in (visual, again[0], text, again[1]):
        state, delivered, _ = await window.add(found, 1.0)
        await window.save(state, delivered, 1.0)
        verdicts += delivered
    assert [(verdict.case_id, verdict.reason, verdict.post.seen_at) for verdict in verdicts] == [
        ("case-a", "complete", later.seen_at)
    ]
