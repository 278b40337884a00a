"""Quality metrics of rankings, probabilities and decisions. Pure functions.

All (upload, case) pairs of all uploads form one ranking (micro average), as in the similarity challenges (Douze et al.
2021, Pizzi et al. 2023), so no method can set a threshold for each upload. Pairs of equal score share one rank, because
any order among ties would be luck. A copy that is missing from the ranking counts as a miss.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

type Numbers = npt.NDArray[np.float64]
type Labels = npt.NDArray[np.bool_]

_Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class PrecisionRecallCurve:
    """Precision and recall at each distinct score, from the highest score down.

    Attributes
    ----------
    thresholds, precision, recall
        float64 (k,); k is 0 for an empty ranking.
    """

    thresholds: Numbers
    precision: Numbers
    recall: Numbers

    @property
    def average_precision(self) -> float:
        """Area under the curve by steps: each gain of recall times the precision at that gain."""
        return float(np.sum(np.diff(self.recall, prepend=0.0) * self.precision))

    def threshold_at(self, precision: float) -> float:
        """Return the lowest threshold that keeps this precision, infinity if there is none."""
        kept = np.flatnonzero(self.precision >= precision)
        return float(self.thresholds[kept[-1]]) if kept.size else float("inf")

    def recall_at(self, precision: float) -> float:
        """Return the largest recall at this precision or more; at 1.0, the recall above the first wrong pair."""
        return float(self.recall[self.precision >= precision].max(initial=0.0))


def precision_recall_curve(scores: npt.ArrayLike, labels: npt.ArrayLike, n_copies: int) -> PrecisionRecallCurve:
    """Return precision and recall of a ranking.

    Parameters
    ----------
    scores
        Float (n,): score of each ranked pair.
    labels
        Boolean (n,): whether each ranked pair is a copy.
    n_copies
        Number of copies, ranked or not.

    Raises
    ------
    ValueError
        The arrays differ in length, a score is not finite, or more copies are ranked than there are.
    """
    values, copies = np.asarray(scores, np.float64), np.asarray(labels, bool)
    if values.shape != copies.shape or values.ndim != 1:
        raise ValueError(f"{values.shape} scores for {copies.shape} pairs")
    if not np.isfinite(values).all():
        raise ValueError("a score is not finite")
    if copies.sum() > n_copies:
        raise ValueError(f"{copies.sum()} copies are ranked, more than the {n_copies} of the set")
    order = np.argsort(-values, kind="stable")
    values, copies = values[order], copies[order]
    ends = np.flatnonzero(np.diff(values, append=-np.inf))
    n_found = np.cumsum(copies)[ends]
    return PrecisionRecallCurve(values[ends], n_found / (ends + 1), n_found / max(1, n_copies))


def recall_by_group(copies: Iterable[tuple[str, bool]]) -> dict[str, float]:
    """Return the recall of each group, in alphabetical order, from the group of each copy and whether it was found."""
    found: dict[str, list[bool]] = defaultdict(list)
    for group, hit in copies:
        found[group].append(hit)
    return {group: sum(hits) / len(hits) for group, hits in sorted(found.items())}


def recall_at_threshold(probabilities: Numbers, labels: Labels, threshold: float) -> float:
    """Return the share of copies at or above a threshold; both arrays of shape (n,)."""
    return float((probabilities[labels] >= threshold).mean()) if labels.any() else 0.0


def safe_threshold(probabilities: Numbers, labels: Labels) -> float:
    """Return the least probability from which every pair is a copy; above 1 if none is."""
    highest_wrong = probabilities[~labels].max(initial=0.0)
    safe = probabilities[labels & (probabilities > highest_wrong)]
    return float(safe.min(initial=2.0))


def equal_error_rate(same: Numbers, other: Numbers) -> tuple[float, float]:
    """Return the rate at which misses and false alarms are equally frequent, and the score where they are.

    Parameters
    ----------
    same, other
        Scores of pairs that belong together, shape (n,), and of those that do not, shape (m,).
    """
    scores = np.unique(np.concatenate([same, other]))
    missed = np.searchsorted(np.sort(same), scores) / len(same)
    false = 1 - np.searchsorted(np.sort(other), scores) / len(other)
    best = int(np.abs(missed - false).argmin())
    return float(missed[best] + false[best]) / 2, float(scores[best])


class ReliabilityBin(NamedTuple):
    """Pairs of about one probability."""

    n: int
    predicted: float
    """Mean probability."""
    observed: float
    """Share of copies."""


def reliability_bins(probabilities: Numbers, labels: Labels, n_bins: int = 10) -> list[ReliabilityBin]:
    """Return the non-empty bins of equal width, lowest first; both arrays of shape (n,)."""
    place = np.minimum((probabilities * n_bins).astype(np.intp), n_bins - 1)
    members = [place == number for number in np.unique(place)]
    return [ReliabilityBin(int(m.sum()), float(probabilities[m].mean()), float(labels[m].mean())) for m in members]


def expected_calibration_error(bins: Sequence[ReliabilityBin]) -> float:
    """Return the mean distance of predicted and observed share over all pairs.

    After Naeini et al. 2015, "Obtaining Well Calibrated Probabilities Using Bayesian Binning".
    """
    n = sum(each.n for each in bins)
    return sum(each.n * abs(each.predicted - each.observed) for each in bins) / n if n else 0.0


class Confusion(NamedTuple):
    """Counts of decisions about labelled items."""

    true_positives: int
    false_positives: int
    false_negatives: int


def confusion[Item: Hashable](decided: AbstractSet[Item], labels: Mapping[Item, bool]) -> Confusion:
    """Return the counts of positive decisions; items without a label are left out."""
    copies = {item for item, label in labels.items() if label}
    hits = len(decided & copies)
    return Confusion(hits, len(decided & labels.keys()) - hits, len(copies) - hits)


def wilson_interval(hits: int, n: int) -> tuple[float, float]:
    """Return the 95 % score interval of a proportion (Wilson 1927), 0 to 1 where nothing was counted."""
    if n == 0:
        return 0.0, 1.0
    share, spread = hits / n, _Z * _Z / n
    middle = (share + spread / 2) / (1 + spread)
    half = _Z * sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    # Exact at the ends, where rounding would leave a little more or less.
    return middle - half if hits else 0.0, middle + half if hits < n else 1.0


def interval_iou(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return intersection over union of two time intervals; 0 if they do not overlap."""
    both = min(one[1], other[1]) - max(one[0], other[0])
    either = max(one[1], other[1]) - min(one[0], other[0])
    return max(0.0, both / either) if either > 0 else 0.0
