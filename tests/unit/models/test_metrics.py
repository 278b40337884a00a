import numpy as np
import pytest

from models.metrics import curve, interval_iou


def test_figures_of_a_ranking_are_those_worked_out_by_hand() -> None:
    # right, right, wrong, right, and one more copy that was never found
    found = curve([0.9, 0.8, 0.7, 0.6], [True, True, False, True], n_right=4)
    assert found.precision == pytest.approx([1, 1, 2 / 3, 3 / 4])
    assert found.recall == pytest.approx([1 / 4, 2 / 4, 2 / 4, 3 / 4])
    assert found.average_precision == pytest.approx(1 / 4 + 1 / 4 + 1 / 4 * 3 / 4)
    assert found.recall_at(1.0) == 0.5
    assert found.recall_at(0.75) == 0.75
    assert found.threshold_at(1.0) == 0.8


def test_a_wrong_pair_that_ties_with_right_ones_counts_against_them() -> None:
    found = curve([0.9, 0.9, 0.9], [True, True, False], n_right=2)
    assert found.recall_at(1.0) == 0.0
    assert found.threshold_at(1.0) == float("inf")
    assert found.average_precision == pytest.approx(2 / 3)


def test_nothing_found_is_no_recall() -> None:
    found = curve([], [], n_right=3)
    assert (found.average_precision, found.recall_at(1.0), found.threshold_at(0.5)) == (0.0, 0.0, float("inf"))


def test_a_ranking_depends_on_the_order_of_scores_alone() -> None:
    chance = np.random.default_rng(3)
    scores, right = chance.normal(size=200).round(1), chance.uniform(size=200) < 0.4
    one, other = curve(scores, right, 200), curve(np.exp(scores), right, 200)
    order = chance.permutation(200)
    shuffled = curve(scores[order], right[order], 200)
    assert one.average_precision == pytest.approx(other.average_precision)
    assert one.average_precision == pytest.approx(shuffled.average_precision)
    assert curve(right, right, int(right.sum())).average_precision == pytest.approx(1.0)


def test_a_random_ranking_has_the_precision_of_its_share_of_right_pairs() -> None:
    chance = np.random.default_rng(5)
    right = chance.uniform(size=20_000) < 0.3
    assert curve(chance.uniform(size=20_000), right, int(right.sum())).average_precision == pytest.approx(0.3, abs=0.02)


def test_what_cannot_be_ranked_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        curve([np.nan], [True], 1)
    with pytest.raises(ValueError, match="2 right pairs"):
        curve([0.1, 0.2], [True, True], 1)
    with pytest.raises(ValueError, match="scores for"):
        curve([0.1, 0.2], [True], 1)


def test_overlap_is_what_both_cover_of_what_either_does() -> None:
    assert interval_iou((0, 4), (2, 6)) == pytest.approx(2 / 6)
    assert interval_iou((0, 4), (0, 4)) == 1.0
    assert interval_iou((0, 1), (5, 6)) == 0.0
    assert interval_iou((1, 1), (1, 1)) == 0.0
