import numpy as np
import pytest

from models import metrics
from models.metrics import precision_recall_curve


def test_metrics_of_a_ranking_match_a_calculation_by_hand() -> None:
    # copy, copy, wrong, copy, and one more copy that is not ranked
    found = precision_recall_curve([0.9, 0.8, 0.7, 0.6], [True, True, False, True], n_copies=4)
    assert found.precision == pytest.approx([1, 1, 2 / 3, 3 / 4])
    assert found.recall == pytest.approx([1 / 4, 2 / 4, 2 / 4, 3 / 4])
    assert found.average_precision == pytest.approx(1 / 4 + 1 / 4 + 1 / 4 * 3 / 4)
    assert found.recall_at(1.0) == 0.5
    assert found.recall_at(0.75) == 0.75
    assert found.threshold_at(1.0) == 0.8


def test_a_wrong_pair_that_ties_with_copies_counts_against_them() -> None:
    found = precision_recall_curve([0.9, 0.9, 0.9], [True, True, False], n_copies=2)
    assert found.recall_at(1.0) == 0.0
    assert found.threshold_at(1.0) == float("inf")
    assert found.average_precision == pytest.approx(2 / 3)


def test_an_empty_ranking_has_no_recall() -> None:
    found = precision_recall_curve([], [], n_copies=3)
    assert (found.average_precision, found.recall_at(1.0), found.threshold_at(0.5)) == (0.0, 0.0, float("inf"))


def test_a_ranking_depends_on_the_order_of_scores_alone() -> None:
    random = np.random.default_rng(3)
    scores, labels = random.normal(size=200).round(1), random.uniform(size=200) < 0.4
    one, other = precision_recall_curve(scores, labels, 200), precision_recall_curve(np.exp(scores), labels, 200)
    order = random.permutation(200)
    shuffled = precision_recall_curve(scores[order], labels[order], 200)
    assert one.average_precision == pytest.approx(other.average_precision)
    assert one.average_precision == pytest.approx(shuffled.average_precision)
    assert precision_recall_curve(labels, labels, int(labels.sum())).average_precision == pytest.approx(1.0)


def test_a_random_ranking_has_the_share_of_copies_as_precision() -> None:
    random = np.random.default_rng(5)
    labels, scores = random.uniform(size=20_000) < 0.3, random.uniform(size=20_000)
    found = precision_recall_curve(scores, labels, int(labels.sum()))
    assert found.average_precision == pytest.approx(0.3, abs=0.02)


def test_invalid_input_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        precision_recall_curve([np.nan], [True], 1)
    with pytest.raises(ValueError, match="2 copies are ranked"):
        precision_recall_curve([0.1, 0.2], [True, True], 1)
    with pytest.raises(ValueError, match="scores for"):
        precision_recall_curve([0.1, 0.2], [True], 1)


def test_overlap_is_intersection_over_union() -> None:
    assert metrics.interval_iou((0, 4), (2, 6)) == pytest.approx(2 / 6)
    assert metrics.interval_iou((0, 4), (0, 4)) == 1.0
    assert metrics.interval_iou((0, 1), (5, 6)) == 0.0
    assert metrics.interval_iou((1, 1), (1, 1)) == 0.0


def test_recall_is_counted_by_group() -> None:
    assert metrics.recall_by_group([("b", True), ("a", False), ("b", False)]) == {"a": 0.0, "b": 0.5}


def test_reliability_compares_predicted_probabilities_with_observed_shares() -> None:
    predicted = np.array([0.05, 0.15, 0.15, 0.95, 1.0])
    labels = np.array([False, False, True, True, True])
    bins = metrics.reliability_bins(predicted, labels)
    found = [(part.n, round(part.predicted, 3), part.observed) for part in bins]
    assert found == [(1, 0.05, 0), (2, 0.15, 0.5), (2, 0.975, 1)]
    assert metrics.expected_calibration_error(bins) == pytest.approx((0.05 + 2 * 0.35 + 2 * 0.025) / 5)
    assert metrics.safe_threshold(predicted, labels) == 0.95
    assert metrics.recall_at_threshold(predicted, labels, 0.95) == pytest.approx(2 / 3)
    assert metrics.safe_threshold(predicted, ~labels) > 1


def test_the_error_rates_are_equal_where_the_distributions_cross() -> None:
    rate, score = metrics.equal_error_rate(np.array([0.4, 0.7, 0.8, 0.9]), np.array([0.1, 0.2, 0.3, 0.6]))
    assert (rate, score) == (0.25, 0.6)


def test_decisions_without_a_label_are_not_counted() -> None:
    labels = {"hit": True, "missed": True, "wrong": False, "other": False}
    assert metrics.confusion({"hit", "wrong", "unlabelled"}, labels) == (1, 1, 1)


def test_the_interval_of_nothing_is_everything() -> None:
    assert metrics.wilson_interval(0, 0) == (0.0, 1.0)
