from datetime import timedelta

import pytest

from models.manifest import ModelError
from models.registry import Registry
from schemas.messages import Choice, Deployment, DeploymentReason
from streams.errors import UsageError
from streams.live_models.deployments import History
from streams.live_models.selection import change_choice, choice_lines, default_choice, difference
from streams.settings import load_settings
from tests.unit.made_messages import NOW

REGISTRY = Registry()
START = default_choice(REGISTRY, load_settings())


def choice(visual: str) -> Choice:
    return Choice(visual=visual, audio="a@1", text="t@1", fusion="f@1")


def deployment(why: DeploymentReason, what: Choice, hours_ago: float = 0) -> Deployment:
    return Deployment(deployment_id="d", choice=what, why=why, at=NOW - timedelta(hours=hours_ago))


def test_the_choice_of_the_settings_is_live_until_a_promotion() -> None:
    models = ("sscd-distilled@0.1.0", "neural-fingerprint@1", "use-multilingual@3", "causes@2")
    assert (START.visual, START.audio, START.text, START.fusion, START.policy) == (*models, None)
    other = default_choice(REGISTRY, load_settings(visual_model="sscd-int8", fusion_model="noisy-or@2"))
    assert (other.visual, other.fusion) == ("sscd-int8@0.1.0", "noisy-or@2")
    history = History(START)
    assert (history.live, history.last, history.before) == (START, None, None)


def test_the_last_promotion_is_live_and_covers_the_one_before() -> None:
    history = History(START, [deployment("promote", choice("b@1")), deployment("promote", choice("c@1"))])
    assert history.live == choice("c@1")
    assert history.before == choice("b@1")


def test_two_rollbacks_go_back_two_promotions_to_the_settings() -> None:
    history = History(START, [deployment("promote", choice("b@1")), deployment("promote", choice("c@1"))])
    for expected in (choice("b@1"), START):
        assert history.before == expected
        history.add(deployment("rollback", expected))
        assert history.live == expected
    assert history.before is None


def test_a_promotion_after_a_rollback_covers_the_choice_of_the_rollback() -> None:
    history = History(START, [deployment("promote", choice("b@1")), deployment("rollback", START)])
    history.add(deployment("promote", choice("c@1")))
    assert (history.live, history.before) == (choice("c@1"), START)


def test_live_since_a_moment_are_the_choice_at_that_moment_and_later_ones() -> None:
    history = History(START, [deployment("promote", choice("b@1"), 30), deployment("promote", choice("c@1"), 10)])
    assert history.live_since(NOW - timedelta(hours=5)) == [choice("c@1")]
    assert history.live_since(NOW - timedelta(hours=20)) == [choice("c@1"), choice("b@1")]
    assert history.live_since(NOW - timedelta(hours=40)) == [choice("c@1"), choice("b@1"), START]
    assert History(START).live_since(NOW) == [START]


def test_a_change_names_models_and_a_policy() -> None:
    changed = change_choice(START, "visual=sscd-int8, fusion=noisy-or@2,policy=0.97/0.6", REGISTRY)
    assert (changed.visual, changed.fusion, changed.audio) == ("sscd-int8@0.1.0", "noisy-or@2", START.audio)
    assert changed.policy is not None
    assert (changed.policy.act, changed.policy.review) == (0.97, 0.6)
    assert change_choice(changed, "policy=case", REGISTRY).policy is None
    assert change_choice(START, "", REGISTRY) == START


def test_a_difference_is_listed_by_part() -> None:
    changed = change_choice(START, "fusion=noisy-or@2,policy=0.97/0.6", REGISTRY)
    assert difference(START, START) == []
    policy = "policy: each case's own -> act at 0.97, review at 0.6"
    assert difference(START, changed) == ["fusion: causes@2 -> noisy-or@2", policy]
    assert "fusion: noisy-or@2" in choice_lines(changed)


@pytest.mark.parametrize(
    "changes", ["visual", "visual=", "sight=x", "visual=sscd-int8,visual=sscd-int8", "policy=0.9", "policy=0.5/0.9"]
)
def test_a_malformed_change_is_refused(changes: str) -> None:
    with pytest.raises(UsageError):
        change_choice(START, changes, REGISTRY)


@pytest.mark.parametrize("policy", ["nan/nan", "2/0.5", "0.9/-1", "a/b", "1/1/1"])
def test_a_malformed_policy_is_refused(policy: str) -> None:
    with pytest.raises(UsageError, match="policy"):
        change_choice(START, f"policy={policy}", REGISTRY)


def test_a_model_that_is_not_in_the_manifest_is_refused() -> None:
    with pytest.raises(ModelError, match="it has: noisy-or@1"):
        change_choice(START, "fusion=noisy-or@7", REGISTRY)
