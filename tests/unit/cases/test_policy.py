from itertools import pairwise

import pytest

from schemas.messages import Decision, Policy
from streams.cases.policy import RANK, decide, policy_version

POLICY = Policy(act=0.95, review=0.5, version="v")


@pytest.mark.parametrize(
    ("probability", "decision"),
    [(0.0, "dismiss"), (0.4999, "dismiss"), (0.5, "review"), (0.9499, "review"), (0.95, "act"), (1.0, "act")],
)
def test_a_threshold_belongs_to_the_decision_above_it(probability: float, decision: Decision) -> None:
    assert decide(probability, POLICY) == decision


def test_a_higher_probability_never_lowers_the_decision() -> None:
    ranks = [RANK[decide(step / 1000, POLICY)] for step in range(1001)]
    assert all(lower <= higher for lower, higher in pairwise(ranks))


def test_nan_is_dismissed() -> None:
    assert decide(float("nan"), POLICY) == "dismiss"


def test_a_policys_version_changes_with_each_threshold() -> None:
    versions = {policy_version(*both) for both in [(0.95, 0.5), (0.96, 0.5), (0.95, 0.51), (0.5, 0.95)]}
    assert len(versions) == 4
    assert policy_version(0.95, 0.5) == "act=0.95,review=0.5"
    assert policy_version(0.95, 0.5, approve=True) not in versions


def test_a_policys_version_changes_with_the_smallest_change_of_a_threshold() -> None:
    assert policy_version(0.9999999, 0.5) != policy_version(1.0, 0.5)
