import msgspec

from models.fusion.noisy_or import NoisyOr, read_curves
from models.manifest import MANIFEST
from schemas.messages import Parts, Scores, Verdict
from streams.fusion.post_state import PostState, Rules
from streams.replay.post_states import PostStates
from tests.unit.made_messages import POLICY, match, post_ref, scores

RULES = Rules(
    NoisyOr("noisy-or", "1", read_curves(MANIFEST.with_name("fusion").joinpath("noisy-or-1.json").read_bytes())),
    {"case-a": POLICY},
)
DEADLINE_S, MEMORY_S = 30.0, 1_000.0


def of_post(post_id: str, found: Scores) -> Scores:
    segment = msgspec.structs.replace(found.segment, post=post_ref(post_id))
    return msgspec.structs.replace(found, segment=segment)


def hear(post_states: PostStates, post_id: str, found: Scores, now_s: float) -> list[Verdict]:
    message = of_post(post_id, found)
    hearing = post_states.of(message, now_s)
    verdicts = hearing.hear(message, RULES, now_s)
    post_states.remember(hearing, verdicts, now_s)
    return verdicts


def close(post_states: PostStates, hearing: PostState) -> str:
    post_states.remember(hearing, hearing.close(RULES, hearing.deadline_s), hearing.deadline_s)
    return hearing.post.post_id


def test_hearings_come_due_by_deadline_and_then_by_post_whatever_order_they_were_opened_in() -> None:
    post_states = PostStates(DEADLINE_S, MEMORY_S)
    for post_id, now_s in (("c", 5.0), ("b", 5.0), ("a", 6.0), ("d", 4.0)):
        hear(post_states, post_id, scores("visual"), now_s)
    assert [close(post_states, hearing) for hearing in post_states.due(5.0 + DEADLINE_S)] == ["d", "b", "c"]
    assert [close(post_states, hearing) for hearing in post_states.waiting()] == ["a"]
    assert list(post_states.waiting()) == []


def test_a_hearing_is_closed_once_however_often_its_post_was_heard() -> None:
    post_states = PostStates(DEADLINE_S, MEMORY_S)
    for number in range(3):
        hear(post_states, "a", scores("visual", number=number, parts=Parts(visual=9, audio=0, text=0)), float(number))
    assert [close(post_states, hearing) for hearing in post_states.due(DEADLINE_S)] == ["a"]
    assert list(post_states.due(DEADLINE_S + 1)) == []


def test_what_was_closed_is_forgotten_after_the_time_of_memory_and_not_before() -> None:
    post_states = PostStates(DEADLINE_S, MEMORY_S)
    hear(post_states, "a", scores("visual", parts=Parts(visual=1, audio=0, text=0)), 0.0)
    assert post_states.changes().keys() == {"a"}
    assert list(post_states.due(MEMORY_S - 1)) == []
    assert post_states.changes() == {}
    assert list(post_states.due(MEMORY_S)) == []
    assert post_states.changes() == {"a": None}


def test_hearings_restored_from_their_changes_go_on_as_though_nothing_had_happened() -> None:
    def story(stop_after: int | None) -> list[list[Verdict]]:
        post_states, told = PostStates(DEADLINE_S, MEMORY_S), []
        kept: dict[str, bytes] = {}
        steps = [("a", scores("visual", match(0.6))), ("b", scores("audio")), ("a", scores("audio", match(0.6)))]
        for number, (post_id, found) in enumerate(steps):
            told.append(hear(post_states, post_id, found, float(number)))
            kept |= {changed: value for changed, value in post_states.changes().items() if value is not None}
            if number == stop_after:
                post_states = PostStates(DEADLINE_S, MEMORY_S)
                for restored, value in kept.items():
                    post_states.restore(restored, value)
        for hearing in post_states.due(100.0):
            told.append(hearing.close(RULES, hearing.deadline_s))
            post_states.remember(hearing, told[-1], hearing.deadline_s)
        return told

    whole = story(None)
    assert sum(map(len, whole)) >= 2
    assert all(story(stop) == whole for stop in range(3))
