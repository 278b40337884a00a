from itertools import permutations
from math import log

import msgspec
import pytest

from models.fusion.model import PRIOR
from models.registry import Registry
from schemas.codec import Codec
from schemas.messages import Decision, Interval, Modality, Parts, Passage, Policy, Scores, Verdict
from schemas.topics import TOPICS
from streams.fusion.post_state import PostState
from streams.fusion.rules import Rules
from tests.unit.made_messages import POLICY, match, post_ref, scores

NOW_S = 1_772_368_215.0
ONE_EACH = Parts(visual=1, audio=1, text=1)
OPEN = {"case-a": POLICY, "case-b": POLICY}
RULES = Rules(Registry().fusion("noisy-or@1"), OPEN)
"""Set by hand, so that what a score means here stays when the default is trained anew."""
SURE, LIKELY, WEAK = 0.9, 0.6, 0.2
"""Visual scores that mean act, review and dismiss."""


def new_state(parts: Parts = ONE_EACH) -> PostState:
    return PostState(post=post_ref(), parts=parts, deadline_s=NOW_S + 30)


def outcomes(verdicts: list[Verdict]) -> list[tuple[str | None, str, str]]:
    return [(verdict.case_id, verdict.decision, verdict.reason) for verdict in verdicts]


def add(
    state: PostState, *many: Scores, policies: dict[str, Policy] | None = None
) -> list[tuple[str | None, str, str]]:
    """Add the scores as fusion does, each verdict marked once delivered; return case, decision and reason of each."""
    policies = OPEN if policies is None else policies
    found = []
    for each in many:
        verdicts = state.add(each, RULES._replace(policies=policies), NOW_S)
        state.mark_delivered(verdicts)
        found += outcomes(verdicts)
    return found


def close(state: PostState) -> list[tuple[str | None, str, str]]:
    verdicts = state.close(RULES, NOW_S)
    state.mark_delivered(verdicts)
    return outcomes(verdicts)


def test_a_post_that_matches_nobody_gets_one_clear_verdict_when_it_is_complete() -> None:
    state = new_state()
    assert add(state, scores("visual"), scores("audio")) == []
    (verdict,) = state.add(scores("text"), RULES._replace(policies={}), NOW_S)
    assert (verdict.case_id, verdict.decision, verdict.reason) == (None, "dismiss", "complete")
    assert (verdict.probability, verdict.evidence, verdict.missing) == (0.0, [], [])


def test_enough_evidence_acts_before_the_post_is_complete() -> None:
    state = new_state()
    assert add(state, scores("visual", match(SURE))) == [("case-a", "act", "early")]
    assert add(state, scores("audio"), scores("text")) == []


def test_a_verdict_before_the_end_names_the_missing_modalities() -> None:
    (verdict,) = new_state().add(scores("visual", match(SURE)), RULES, NOW_S)
    assert verdict.missing == ["audio", "text"]


def test_a_review_waits_until_the_post_is_complete() -> None:
    state = new_state()
    assert add(state, scores("visual", match(LIKELY)), scores("audio")) == []
    assert add(state, scores("text")) == [("case-a", "review", "complete")]


def test_weak_evidence_is_dismissed_under_its_case_and_not_as_clear() -> None:
    state = new_state()
    assert add(state, scores("visual", match(WEAK)), scores("audio"), scores("text")) == [
        ("case-a", "dismiss", "complete")
    ]


def test_two_modalities_that_each_need_a_person_may_act_together() -> None:
    state = new_state()
    assert add(state, scores("audio", match(0.99)), scores("text", match(1.0, terms=1))) == [("case-a", "act", "early")]


def test_the_last_segment_may_match_nobody_and_earlier_evidence_still_counts() -> None:
    state = new_state()
    found = add(state, scores("visual", match(LIKELY)), scores("text"), scores("audio"))
    assert found == [("case-a", "review", "complete")]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_order_of_the_segments_does_not_change_the_last_verdict(order: tuple[int, ...]) -> None:
    found = [
        scores("visual", match(LIKELY)),
        scores("audio", match(0.52)),
        scores("text", match(0.7), match(0.9, "case-b")),
    ]
    state = new_state()
    add(state, *(found[index] for index in order))
    in_order = new_state()
    add(in_order, *found)
    assert state.decided == in_order.decided
    assert set(state.evidence) == {"case-a", "case-b"}


def test_a_modality_is_complete_when_scores_of_all_its_segments_arrived() -> None:
    parts = Parts(visual=3, audio=0, text=1)
    state = new_state(parts)
    assert add(state, scores("visual", number=0), scores("text"), scores("visual", number=2)) == []
    assert state.missing() == ["visual"]
    assert add(state, scores("visual", number=1)) == [(None, "dismiss", "complete")]


def test_adding_the_same_scores_twice_changes_nothing() -> None:
    state = new_state(Parts(visual=2, audio=0, text=0))
    first = scores("visual", match(SURE))
    assert add(state, first) == [("case-a", "act", "early")]
    before = msgspec.msgpack.encode(state)
    assert add(state, first, first) == []
    assert msgspec.msgpack.encode(state) == before
    assert state.missing() == ["visual"]


def test_the_same_after_the_end_changes_nothing() -> None:
    state = new_state(Parts(visual=1, audio=0, text=0))
    found = scores("visual", match(LIKELY))
    assert add(state, found) == [("case-a", "review", "complete")]
    before = msgspec.msgpack.encode(state)
    assert add(state, found) == []
    assert msgspec.msgpack.encode(state) == before


def test_a_verdict_that_was_never_delivered_comes_again_under_its_id() -> None:
    state = new_state()
    found = scores("visual", match(SURE))
    (lost,) = state.add(found, RULES, NOW_S)
    (again,) = state.add(found, RULES, NOW_S + 5)
    assert again.verdict_id == lost.verdict_id


def test_a_review_is_raised_to_act_after_the_end() -> None:
    state = new_state(Parts(visual=1, audio=0, text=0))
    assert add(state, scores("visual", match(LIKELY))) == [("case-a", "review", "complete")]
    assert add(state, scores("visual", match(SURE))) == [("case-a", "act", "complete")]


def test_a_clear_post_is_raised_when_a_new_case_finds_it() -> None:
    state = new_state(Parts(visual=1, audio=0, text=0))
    assert add(state, scores("visual")) == [(None, "dismiss", "complete")]
    assert add(state, scores("visual", match(LIKELY), late=True)) == [("case-a", "review", "late")]
    assert add(state, scores("visual", match(SURE), late=True)) == [("case-a", "act", "late")]


def test_a_verdict_is_never_lowered() -> None:
    state = new_state(Parts(visual=2, audio=0, text=0))
    add(state, scores("visual", match(SURE)))
    assert add(state, scores("visual", match(WEAK)), scores("visual", match(WEAK), number=1)) == []
    assert state.decided == {"case-a": "act"}
    assert state.evidence["case-a"][0].score == SURE


def test_a_stricter_policy_does_not_lower_a_verdict() -> None:
    state = new_state()
    add(state, scores("visual", match(SURE)))
    stricter = {"case-a": Policy(act=1.0, review=1.0, version="strict")}
    assert add(state, scores("audio"), scores("text"), policies=stricter) == []


def test_what_is_found_late_does_not_count_as_a_part() -> None:
    state = new_state(Parts(visual=1, audio=0, text=0))
    assert add(state, scores("visual", match(WEAK), late=True)) == []
    assert state.missing() == ["visual"]
    assert not state.closed


@pytest.mark.parametrize(("score", "decision"), [(LIKELY, "review"), (SURE, "act")])
def test_what_is_found_late_is_decided_at_once(score: float, decision: Decision) -> None:
    assert add(new_state(), scores("visual", match(score), late=True)) == [("case-a", decision, "late")]


def test_what_is_found_late_of_a_post_that_is_still_arriving_is_reviewed_with_all_of_its_evidence() -> None:
    state = new_state()
    late, live = scores("visual", match(LIKELY), late=True), scores("visual", match(LIKELY))
    assert add(state, scores("text"), late, live) == []
    (verdict,) = state.add(scores("audio", match(WEAK)), RULES, NOW_S)
    assert (verdict.decision, verdict.reason) == ("review", "complete")
    assert {piece.modality for piece in verdict.evidence} == {"visual", "audio"}


def test_late_before_live_gives_no_second_verdict() -> None:
    state = new_state(Parts(visual=1, audio=0, text=0))
    assert add(state, scores("visual", match(SURE), late=True), scores("visual", match(SURE))) == [
        ("case-a", "act", "late")
    ]
    assert state.closed


def test_a_post_with_late_scores_only_ends_without_a_clear_verdict() -> None:
    state = new_state()
    add(state, scores("visual", match(SURE), late=True))
    assert close(state) == []
    gone = new_state()
    add(gone, scores("visual", match(SURE, "closed"), late=True))
    assert close(gone) == []


def test_at_the_deadline_the_verdict_names_what_is_missing() -> None:
    state = new_state()
    add(state, scores("visual", match(LIKELY)))
    (verdict,) = state.close(RULES, NOW_S)
    assert (verdict.case_id, verdict.decision, verdict.reason) == ("case-a", "review", "deadline")
    assert verdict.missing == ["audio", "text"]


def test_at_the_deadline_a_post_that_matched_nobody_is_clear_and_names_what_is_missing() -> None:
    state = new_state()
    add(state, scores("visual"))
    (verdict,) = state.close(RULES, NOW_S)
    assert (verdict.case_id, verdict.reason, verdict.missing) == (None, "deadline", ["audio", "text"])


def test_a_deadline_that_comes_twice_or_after_the_end_brings_no_verdict() -> None:
    state = new_state()
    add(state, scores("visual"))
    assert close(state) == [(None, "dismiss", "deadline")]
    assert close(state) == []


def test_a_modality_that_arrives_after_the_deadline_still_raises_the_verdict() -> None:
    state = new_state()
    add(state, scores("audio", match(0.99)))
    assert close(state) == [("case-a", "review", "deadline")]
    assert add(state, scores("text", match(1.0, terms=2))) == [("case-a", "act", "early")]
    assert add(state, scores("visual")) == []


def test_a_closed_case_gets_no_verdict() -> None:
    state = new_state(Parts(visual=1, audio=0, text=0))
    assert add(state, scores("visual", match(SURE, "case-gone"))) == [(None, "dismiss", "complete")]


def test_a_case_closed_while_the_post_was_open_gets_no_verdict() -> None:
    state = new_state()
    add(state, scores("visual", match(LIKELY)))
    assert add(state, scores("audio"), scores("text"), policies={}) == [(None, "dismiss", "complete")]


def test_two_cases_in_one_post_are_decided_apart() -> None:
    state = new_state()
    found = add(state, scores("visual", match(SURE, "case-b"), match(LIKELY)), scores("audio"), scores("text"))
    assert found == [("case-b", "act", "early"), ("case-a", "review", "complete")]


def test_a_case_of_its_own_policy_is_decided_by_it() -> None:
    lenient = {"case-a": Policy(act=0.5, review=0.1, version="lenient")}
    (verdict,) = new_state().add(scores("visual", match(LIKELY)), RULES._replace(policies=lenient), NOW_S)
    assert (verdict.decision, verdict.act_at, verdict.review_at, verdict.policy_version) == ("act", 0.5, 0.1, "lenient")


def test_much_evidence_of_one_kind_never_pushes_out_another_kind() -> None:
    # Else a post could be judged milder the more of it is known.
    state = new_state(Parts(visual=1, audio=1, text=0))
    add(state, scores("audio", match(0.51)))
    pictures = [match(0.55, reference_id=f"r{number}") for number in range(40)]
    assert add(state, scores("visual", *pictures)) == [("case-a", "review", "complete")]
    few = new_state(Parts(visual=1, audio=1, text=0))
    few.add(scores("audio", match(0.51)), RULES, NOW_S)
    (alone,) = few.add(scores("visual", pictures[0]), RULES, NOW_S)
    state.decided = {}
    (crowded,) = state.add(scores("audio", match(0.51)), RULES, NOW_S)
    assert crowded.probability == alone.probability
    assert {item.modality for item in crowded.evidence} == {"visual", "audio"}
    assert len(crowded.evidence) == 12


def test_the_strongest_evidence_of_a_medium_and_reference_is_kept_and_comes_first() -> None:
    state = new_state(Parts(visual=9, audio=0, text=0))
    for number, (score, reference) in enumerate([(0.3, "r1"), (0.45, "r2"), (0.4, "r1"), (0.35, "r1")]):
        state.add(scores("visual", match(score, reference_id=reference), number=number), RULES, NOW_S)
    state.add(scores("visual", match(0.42), number=4, medium=1), RULES, NOW_S)
    kept = [(item.score, item.reference_id, item.medium) for item in state.evidence["case-a"]]
    assert kept == [(0.45, "r2", 0), (0.42, "r1", 1), (0.4, "r1", 0)]


def test_evidence_carries_what_a_reviewer_needs() -> None:
    (verdict,) = new_state().add(scores("visual", match(SURE)), RULES, NOW_S)
    (evidence,) = verdict.evidence
    found = match(SURE)
    assert (evidence.modality, evidence.model, evidence.version) == ("visual", "m", "1")
    assert (evidence.query, evidence.reference, evidence.thumbnail) == (found.query, found.reference, b"blurred")
    assert Codec().decode("verdicts", Codec().encode("verdicts", verdict)) == verdict


def test_a_verdict_lists_the_contribution_of_each_modality() -> None:
    state = new_state(Parts(visual=1, audio=1, text=0))
    add(state, scores("audio", match(0.4)))
    (verdict,) = state.add(scores("visual", match(SURE)), RULES, NOW_S)
    assert [added.modality for added in verdict.contributions] == ["visual", "audio"]
    assert verdict.contributions[0].why == "pictures match r1 for 8.5 s, score 0.90"
    odds = log(verdict.probability / (1 - verdict.probability)) - log(PRIOR / (1 - PRIOR))
    assert sum(one.added for one in verdict.contributions) == pytest.approx(odds)


def test_a_still_of_a_room_that_two_cases_share_asks_for_both_and_says_why() -> None:
    at, here = Interval(start_s=0.0, end_s=0.0), Interval(start_s=4.0, end_s=4.0)
    both = [match(0.75, case, f"r-{case}", query=at, reference=here) for case in OPEN]
    trained = Rules(Registry().fusion("causes@2"), OPEN)
    verdicts = new_state(Parts(visual=1, audio=0, text=0)).add(scores("visual", *both), trained, NOW_S)
    assert sorted(outcomes(verdicts)) == [(case, "review", "complete") for case in OPEN]
    assert all("at no known moment" in verdict.contributions[0].why for verdict in verdicts)


def test_terms_and_the_best_stretches_are_kept() -> None:
    span = Interval(start_s=0.0, end_s=1.0)
    many = [Passage(query=span, reference=span, score=0.9 - number / 100) for number in range(20)]
    state = new_state()
    add(state, scores("text", match(1.0, terms=3)), scores("visual", match(LIKELY, passages=many)))
    kept = {piece.modality: piece for piece in state.evidence["case-a"]}
    assert kept["text"].terms == 3
    assert kept["visual"].passages == many[:8]


def test_links_of_all_segments_and_the_most_explicit_of_them_go_into_the_verdict() -> None:
    found = [
        msgspec.structs.replace(scores("visual", match(LIKELY)), explicit=0.2, links=["t.me/b"]),
        msgspec.structs.replace(scores("text"), links=["t.me/b", "@a"]),
        msgspec.structs.replace(scores("audio"), explicit=0.7),
    ]
    for order in permutations(found):
        state = new_state()
        *_, last = (state.add(each, RULES, NOW_S) for each in order)
        assert (last[0].links, last[0].explicit) == (["@a", "t.me/b"], 0.7)
    flooded = new_state()
    flooded.add(msgspec.structs.replace(scores("text"), links=[f"@{number}" for number in range(999)]), RULES, NOW_S)
    assert len(flooded.links) == 32
    (clear,) = new_state(Parts(visual=1, audio=0, text=0)).add(
        msgspec.structs.replace(scores("visual"), links=["@a"]), RULES, NOW_S
    )
    assert (clear.case_id, clear.links, clear.explicit) == (None, ["@a"], None)


def test_what_picture_and_sound_agree_on_is_kept_beside_what_is_stronger() -> None:
    trained = Rules(Registry().fusion("causes@2"), OPEN)
    here, there = Interval(start_s=1.0, end_s=9.5), Interval(start_s=61.0, end_s=69.5)
    found = [
        scores("visual", match(0.7)),
        scores("visual", match(0.8, query=there, reference=Interval(start_s=900.0, end_s=908.5)), number=1),
        scores("audio", match(0.7, query=here, reference=here)),
    ]
    judged_by_order = []
    for order in permutations(found):
        state = new_state(Parts(visual=9, audio=9, text=0))
        for each in order:
            state.add(each, trained, NOW_S)
        judged_by_order.append(trained.model.judge(state.evidence["case-a"]))
    assert len({msgspec.json.encode(judged.contributions) for judged in judged_by_order}) == 1
    assert sorted(one.why for one in judged_by_order[0].contributions) == [
        "pictures match r1 for 8.5 s, score 0.80",
        "sound matches r1 for 8.5 s, score 0.70, where picture and sound agree",
    ]


def test_another_order_of_arrival_keeps_the_same_evidence() -> None:
    trained = Rules(Registry().fusion("causes@2"), OPEN)
    found = [scores("visual", match(0.3 + number / 10), number=number) for number in range(3)]
    found += [scores("audio", match(0.5)), scores("text", match(0.8)), scores("visual", match(0.4), number=4, medium=1)]
    kept = set()
    for order in permutations(found):
        state = new_state(Parts(visual=9, audio=9, text=9))
        for each in order:
            state.add(each, trained, NOW_S)
        kept.add(msgspec.json.encode(state.evidence))
    assert len(kept) == 1


def test_no_voice_makes_an_act_under_whatever_policy() -> None:
    voice: Modality = "voice"  # type: ignore[assignment, unused-ignore]
    lenient = {"case-a": Policy(act=0.6, review=0.1, version="lenient")}
    state = new_state()
    state.add(scores("audio", match(0.51)), RULES._replace(policies=lenient), NOW_S)
    state.add(scores(voice, match(1.0)), RULES._replace(policies=lenient), NOW_S)
    (verdict,) = state.close(RULES._replace(policies=lenient), NOW_S)
    assert verdict.probability > 0.6
    assert verdict.decision == "review"


def test_a_state_survives_encoding_under_the_names_of_earlier_versions() -> None:
    state = new_state()
    add(state, scores("visual", match(LIKELY), match(SURE, "case-b")), scores("audio", match(0.3)))
    kept = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=PostState)
    assert kept == state
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(state))["heard"] == {"visual": [0], "audio": [0]}
    assert kept.arrived == {"visual": {0}, "audio": {0}}
    assert kept.post == state.post
    assert add(kept, scores("text")) == add(state, scores("text")) == [("case-a", "review", "complete")]


def test_two_states_share_nothing() -> None:
    one, other = new_state(), new_state()
    add(one, scores("visual", match(SURE)))
    assert (other.arrived, other.evidence, other.decided) == ({}, {}, {})


def verdict_id(modality: Modality, score: float, now_s: float, policy: Policy = POLICY, case_id: str = "case-a") -> str:
    (verdict,) = new_state().add(
        scores(modality, match(score, case_id), late=True), RULES._replace(policies={case_id: policy}), now_s
    )
    return verdict.verdict_id


def test_a_verdicts_id_follows_from_post_case_decision_and_policy_alone() -> None:
    an_id = verdict_id("visual", SURE, NOW_S)
    assert an_id == verdict_id("visual", 0.95, NOW_S + 99)
    others = {
        verdict_id("visual", LIKELY, NOW_S),
        verdict_id("visual", SURE, NOW_S, case_id="case-b"),
        verdict_id("visual", SURE, NOW_S, Policy(act=0.95, review=0.5, version="other")),
    }
    assert len(others | {an_id}) == 4


@pytest.mark.parametrize("n_cases", [60, 500])
def test_the_state_of_a_post_that_matches_many_cases_fits_into_a_record(n_cases: int) -> None:
    state = new_state(Parts(visual=99, audio=0, text=0))
    policies = {f"case-{n:03}": POLICY for n in range(n_cases)}
    for number in range(24):
        found = [
            match(0.1 + n / n_cases / 2 + number / 1000, case_id, thumbnail=b"x" * 3_000, reference_id=f"r{number}")
            for n, case_id in enumerate(policies)
        ]
        add(state, scores("visual", *found, number=number), policies=policies)
    assert len(msgspec.msgpack.encode(state)) < TOPICS["fusion-state"].max_bytes
    strongest = max(policies)
    assert len(state.evidence[strongest]) == 12
    assert max(state.evidence[strongest], key=lambda piece: piece.probability).reference_id == "r23"


def test_evidence_to_act_stays_when_many_other_cases_match() -> None:
    state = new_state(Parts(visual=99, audio=0, text=0))
    policies = {f"case-{n:03}": POLICY for n in range(300)} | {"case-a": POLICY}
    weak = [match(0.2, case_id) for case_id in policies if case_id != "case-a"]
    assert add(state, scores("visual", match(SURE), number=0), policies=policies) == [("case-a", "act", "early")]
    add(state, scores("visual", *weak, number=1), policies=policies)
    assert "case-a" in state.evidence
    assert outcomes(state.close(RULES._replace(policies=policies), NOW_S))[0] != ("case-a", "act", "deadline")


def counted(found: Scores, parts: Parts) -> Scores:
    return msgspec.structs.replace(found, segment=msgspec.structs.replace(found.segment, parts=parts))


def test_a_post_whose_media_are_not_yet_counted_is_not_complete_until_they_are() -> None:
    pending, final = Parts(visual=1, audio=1, text=1, pending=True), Parts(visual=1, audio=0, text=1)
    words, picture = counted(scores("text"), pending), counted(scores("visual", match(LIKELY)), final)
    for order in permutations([words, picture]):
        state = new_state(order[0].segment.parts)
        assert add(state, order[0]) == []
        assert add(state, order[1]) == [("case-a", "review", "complete")]


def test_a_post_whose_media_all_failed_is_complete_with_its_words_counted_again() -> None:
    state = new_state(Parts(visual=1, audio=1, text=1, pending=True))
    assert add(state, counted(scores("text"), state.parts)) == []
    assert state.missing() == ["visual", "audio"]
    assert add(state, counted(scores("text"), Parts(visual=0, audio=0, text=1))) == [(None, "dismiss", "complete")]


def test_a_list_of_others_leads_to_a_review_whatever_the_probability() -> None:
    lists = {"case-a": msgspec.structs.replace(POLICY, review_only=True)}
    state = new_state()
    certain = scores("visual", match(1.0, "case-a", "pdq-00"))
    assert add(state, certain, scores("audio"), policies=lists) == []
    assert add(state, scores("text"), policies=lists) == [("case-a", "review", "complete")]


def test_a_list_of_others_asks_for_no_second_look() -> None:
    lists = {"case-a": msgspec.structs.replace(POLICY, review_only=True)}
    for policies, n_looks in ((OPEN, 1), (lists, 0)):
        state = new_state()
        for each in (scores("visual", match(LIKELY)), scores("audio"), scores("text")):
            url = msgspec.structs.replace(each.segment, url="https://example.org/a.mp4")
            state.add(msgspec.structs.replace(each, segment=url), RULES._replace(policies=policies, look_at=0.1), NOW_S)
        assert len(state.looks.asked) == n_looks
