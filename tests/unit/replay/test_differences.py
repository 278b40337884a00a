import msgspec
import pytest

from schemas.messages import Policy, Verdict
from streams.replay.differences import changes, count, reason
from tests.unit.replay.made_runs import CHOICE, LIKELY, SURE, WEAK, clear, decided, evidence, of

STRICT = Policy(act=0.99999, review=0.5, version="act=0.99999,review=0.5")


def reason_of(before: Verdict | None, after: Verdict | None) -> str:
    """Return the reason of the difference between two verdicts on one post and case."""
    old, new = (of("x", found) if found else of("x", clear("p1")) for found in (before, after))
    (change,) = changes(old, new, CHOICE)
    return change.reason


def test_the_same_verdicts_have_no_differences() -> None:
    verdicts = [decided("p1", evidence("visual", SURE)), decided("p2", evidence("audio", SURE)), clear("p3")]
    assert changes(of("a", *verdicts), of("b", *reversed(verdicts)), CHOICE) == []


def test_a_case_that_one_side_alone_dismisses_is_no_difference() -> None:
    assert changes(of("a", clear("p1")), of("b", decided("p1", evidence("visual", WEAK))), CHOICE) == []


def test_a_repeated_and_a_raised_verdict_count_once() -> None:
    early, complete = decided("p1", evidence("visual", LIKELY)), decided("p1", evidence("visual", SURE))
    raised = of("a", early, early, complete, complete, early)
    assert [found.decision for found in raised.verdicts.values()] == ["act"]
    assert changes(raised, of("b", complete), CHOICE) == []


def test_raised_decisions_are_gained_and_lowered_ones_are_lost() -> None:
    before = of("a", decided("p1", evidence("visual", LIKELY)), decided("p2", evidence("visual", SURE)), clear("p3"))
    after = of("b", decided("p1", evidence("visual", SURE)), clear("p2"), decided("p3", evidence("visual", LIKELY)))
    found = changes(before, after, CHOICE)
    assert [(c.post_id, c.transition, c.gained) for c in found] == [
        ("p1", "review -> act", True),
        ("p2", "act -> dismiss", False),
        ("p3", "dismiss -> review", True),
    ]
    assert count(found, gained=True) == {
        "dismiss -> review": {"visual: evidence by old@1": 1},
        "review -> act": {"visual: higher score": 1},
    }
    assert count(found, gained=False) == {"act -> dismiss": {"visual: no more evidence by old@1": 1}}


def test_a_policy_that_alone_made_the_difference_is_the_reason() -> None:
    same = evidence("visual", SURE)
    expected = "policy: act at 0.95, review at 0.5 -> act at 0.99999, review at 0.5"
    assert reason_of(decided("p1", same), decided("p1", same, policy=STRICT)) == expected


def test_a_policy_that_could_not_have_made_the_difference_is_not_the_reason() -> None:
    after = decided("p1", evidence("visual", LIKELY), policy=Policy(act=0.94, review=0.5, version="other"))
    assert reason_of(decided("p1", evidence("visual", SURE)), after) == "visual: lower score"


def test_the_reason_for_another_models_score_names_both_models() -> None:
    after = decided("p1", evidence("visual", LIKELY, model="new"))
    assert reason_of(decided("p1", evidence("visual", SURE)), after) == "visual: lower score by new@1 than by old@1"


def test_the_same_score_with_another_probability_is_a_reason() -> None:
    text = evidence("text", 1.0, probability=0.8)
    before = decided("p1", evidence("audio", 1.0, probability=0.9), text)
    after = decided("p1", evidence("audio", 1.0, probability=0.7), text)
    assert (before.decision, after.decision) == ("act", "review")
    assert reason_of(before, after) == "audio: the same score judged lower"


def test_of_several_modalities_the_one_that_moved_most_in_the_direction_is_named() -> None:
    before = decided("p1", evidence("visual", LIKELY), evidence("audio", 0.4))
    after = decided("p1", evidence("visual", SURE), evidence("audio", 0.3))
    assert reason_of(before, after) == "visual: higher score"


def test_another_probability_of_the_same_evidence_is_a_reason() -> None:
    same = (evidence("visual", LIKELY), evidence("audio", LIKELY))
    after = decided("p1", *same, probability=0.1, decision="dismiss")
    assert reason_of(decided("p1", *same), after) == "fusion joins the same evidence otherwise"


def test_the_strongest_evidence_of_a_modality_counts() -> None:
    (found,) = of("a", decided("p1", evidence("visual", WEAK), evidence("visual", SURE))).verdicts.values()
    assert found.best["visual"].score == SURE


def test_the_summary_of_a_verdict_has_no_picture() -> None:
    (found,) = of("a", decided("p1", evidence("visual", SURE))).verdicts.values()
    assert b"blurred" not in msgspec.msgpack.encode(found)


@pytest.mark.parametrize("policy", [None, STRICT])
def test_a_reason_is_found_where_one_side_has_no_verdict(policy: Policy | None) -> None:
    (found,) = of("a", decided("p1", evidence("visual", SURE))).verdicts.values()
    assert reason(None, found, policy) == "visual: evidence by old@1"
    assert reason(found, None, policy) == "visual: no more evidence by old@1"
