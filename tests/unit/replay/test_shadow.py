from collections import Counter

import pytest
from prometheus_client import REGISTRY

from schemas.messages import Decision
from streams.replay.launch import is_in_share
from streams.replay.shadow import Comparison
from tests.unit.made_messages import post_ref, verdict

OUTCOMES = ("same", "gained", "lost", "alone")


class Counted:
    """A comparison with its own clock, and its counts since the start."""

    def __init__(self, max_posts: int = 100) -> None:
        self.now_s = 0.0
        self.comparison = Comparison(10.0, max_posts, lambda: self.now_s)
        self._before = self._read()

    def shadow(self, post_id: str, *decisions: Decision, case_id: str | None = "case-a") -> None:
        self.comparison.shadow(post_id, None)
        for decision in decisions:
            self.comparison.shadow(post_id, verdict(post=post_ref(post_id), case_id=case_id, decision=decision))

    def live(self, post_id: str, *decisions: Decision, case_id: str | None = "case-a") -> None:
        for decision in decisions:
            self.comparison.live(verdict(post=post_ref(post_id), case_id=case_id, decision=decision))

    def after(self, seconds: float) -> dict[str, int]:
        self.now_s += seconds
        self.comparison.count()
        return dict(self._read() - self._before)

    def _read(self) -> Counter[str]:
        name = "jikimi_shadow_verdicts_total"
        return Counter({o: int(REGISTRY.get_sample_value(name, {"outcome": o}) or 0) for o in OUTCOMES})


@pytest.mark.parametrize(
    ("shadow", "live", "outcome"),
    [
        (["act"], ["act"], "same"),
        (["review", "act"], ["act"], "same"),
        (["act"], ["review"], "gained"),
        (["review"], ["dismiss"], "gained"),
        (["review"], ["act"], "lost"),
        ([], ["act"], "lost"),
        (["act"], [], "alone"),
    ],
)
def test_the_highest_decisions_of_both_are_compared(shadow: list[Decision], live: list[Decision], outcome: str) -> None:
    counted = Counted()
    counted.shadow("p", *shadow)
    counted.live("p", *live)
    assert counted.after(9) == {}
    assert counted.after(2) == {outcome: 1}


def test_a_case_of_one_side_alone_is_a_difference_and_a_post_without_cases_is_none() -> None:
    counted = Counted()
    counted.shadow("a", "act")
    counted.live("a", "dismiss", case_id=None)
    counted.shadow("b", "dismiss", case_id=None)
    counted.live("b", "dismiss", case_id=None)
    assert counted.after(11) == {"gained": 1, "same": 1}


def test_posts_that_never_reached_the_shadow_are_not_counted() -> None:
    counted = Counted()
    counted.live("before-the-start", "act")
    assert counted.after(11) == {}


def test_posts_above_the_limit_are_counted_early_oldest_first() -> None:
    counted = Counted(max_posts=2)
    for post_id in "abc":
        counted.live(post_id, "act")
        counted.shadow(post_id, "act" if post_id == "a" else "review")
    assert counted.after(0) == {"same": 1}


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_a_share_is_that_fraction_of_the_posts_and_the_same_ones_each_time(share: float) -> None:
    chosen = [number for number in range(4_000) if is_in_share(share, f"post-{number}")]
    assert abs(len(chosen) / 4_000 - share) < 0.03
    assert chosen == [number for number in range(4_000) if is_in_share(share, f"post-{number}")]
    assert all(is_in_share(1.0, f"post-{number}") for number in chosen)
