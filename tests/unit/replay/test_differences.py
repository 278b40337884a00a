import msgspec
import pytest

from schemas.messages import Policy, Verdict
from streams.replay.differences import changes, count, reason
from tests.unit.replay.made_runs import CHOICE, LIKELY, SURE, WEAK, clear, decided, evidence, of

STRICT = Policy(act=0.99999, review=0.5, version="act=0.99999,review=0.5")


def why(before: Verdict | None, after: Verdict | None) -> str:
    """Return the one reason for which these verdicts on one post and case differ."""
    old, new = (of("x", found) if found else of("x", clear("p1")) for found in (before, after))
    (change,) = changes(old, new, CHOICE)
    return change.reason


def test_the_same_verdicts_differ_in_nothing() -> None:
    verdicts = [decided("p1", evidence("visual", SURE)), decided("p2", evidence("audio", SURE)), clear("p3")]
    assert changes(of("a", *verdicts), of("b", *reversed(verdicts)), CHOICE) == []


def test_a_case_that_one_side_names_and_dismisses_is_no_difference() -> None:
    assert changes(of("a", clear("p1")), of("b", decided("p1", evidence("visual", WEAK))), CHOICE) == []


def test_a_repeated_and_a_raised_verdict_count_once() -> None:
    early, complete = decided("p1", evidence("visual", LIKELY)), decided("p1", evidence("visual", SURE))
    raised = of("a", early, early, complete, complete, early)
    assert [found.decision for found in raised.judged.values()] == ["act"]
    assert changes(raised, of("b", complete), CHOICE) == []


def test_what_goes_up_is_gained_and_what_goes_down_is_lost() -> None:
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
    seen = evidence("visual", SURE)
    words = "policy: act at 0.95, review at 0.5 -> act at 0.99999, review at 0.5"
    assert why(decided("p1", seen), decided("p1", seen, policy=STRICT)) == words


def test_a_policy_that_could_not_have_made_the_difference_is_not_the_reason() -> None:
    after = decided("p1", evidence("visual", LIKELY), policy=Policy(act=0.94, review=0.5, version="other"))
    assert why(decided("p1", evidence("visual", SURE)), after) == "visual: lower score"


def test_another_models_score_is_told_with_both_models() -> None:
    after = decided("p1", evidence("visual", LIKELY, model="new"))
    assert why(decided("p1", evidence("visual", SURE)), after) == "visual: lower score by new@1 than by old@1"


def test_the_same_score_judged_otherwise_is_told_as_such() -> None:
    words = evidence("text", 1.0, probability=0.8)
    before = decided("p1", evidence("audio", 1.0, probability=0.9), words)
    after = decided("p1", evidence("audio", 1.0, probability=0.7), words)
    assert (before.decision, after.decision) == ("act", "review")
    assert why(before, after) == "audio: the same score judged lower"


def test_of_several_modalities_the_one_that_moved_most_in_the_direction_is_named() -> None:
    before = decided("p1", evidence("visual", LIKELY), evidence("audio", 0.4))
    after = decided("p1", evidence("visual", SURE), evidence("audio", 0.3))
    assert why(before, after) == "visual: higher score"


def test_a_fusion_that_joins_otherwise_is_told_as_such() -> None:
    seen = (evidence("visual", LIKELY), evidence("audio", LIKELY))
    after = decided("p1", *seen, probability=0.1, decision="dismiss")
    assert why(decided("p1", *seen), after) == "fusion joins the same evidence otherwise"


def test_the_strongest_evidence_of_a_modality_counts() -> None:
    (found,) = of("a", decided("p1", evidence("visual", WEAK), evidence("visual", SURE))).judged.values()
    assert found.best["visual"].score == SURE


def test_what_is_compared_holds_no_picture() -> None:
    (found,) = of("a", decided("p1", evidence("visual", SURE))).judged.values()
    assert b"blurred" not in msgspec.msgpack.encode(found)


@pytest.mark.parametrize("policy", [None, STRICT])
def test_a_reason_is_found_where_one_side_says_nothing(policy: Policy | None) -> None:
    (found,) = of("a", decided("p1", evidence("visual", SURE))).judged.values()
    assert reason(None, found, policy) == "visual: evidence by old@1"
    assert reason(found, None, policy) == "visual: no more evidence by old@1"
