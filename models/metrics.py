"""How good a ranking of (upload, case) pairs is.

All pairs of all uploads form one ranking, as in the similarity challenges (Douze et al. 2021, Pizzi et al. 2023):
a method cannot use a threshold of its own for each upload. Pairs of equal score come together: what breaks ties
would be luck. A right pair that is not in the ranking counts as never found.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

type Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Curve:
    """Precision and recall at each distinct score, from the highest down.

    Attributes
    ----------
    thresholds, precision, recall
        float64 (k,); k is 0 if nothing was ranked.
    """

    thresholds: Numbers
    precision: Numbers
    recall: Numbers

    @property
    def average_precision(self) -> float:
        """Area under the curve by steps: each gain of recall times the precision it came at."""
        return float(np.sum(np.diff(self.recall, prepend=0.0) * self.precision))

    def threshold_at(self, precision: float) -> float:
        """Return the lowest threshold that keeps this precision, infinity if there is none."""
        kept = np.flatnonzero(self.precision >= precision)
        return float(self.thresholds[kept[-1]]) if kept.size else float("inf")

    def recall_at(self, precision: float) -> float:
        """Return the largest recall at this precision or more; at 1.0, what ranks above the first wrong pair."""
        return float(self.recall[self.precision >= precision].max(initial=0.0))


def curve(scores: npt.ArrayLike, right: npt.ArrayLike, n_right: int) -> Curve:
    """Return precision and recall of a ranking.

    Parameters
    ----------
    scores
        Float (n,): of every pair that was found.
    right
        Boolean (n,): whether the pair is one.
    n_right
        How many right pairs there are, found or not.

    Raises
    ------
    ValueError
        The arrays differ in length, a score is not finite, or there are more right pairs than there can be.
    """
    values, correct = np.asarray(scores, np.float64), np.asarray(right, bool)
    if values.shape != correct.shape or values.ndim != 1:
        raise ValueError(f"{values.shape} scores for {correct.shape} pairs")
    if not np.isfinite(values).all():
        raise ValueError("a score is not finite")
    if correct.sum() > n_right:
        raise ValueError(f"{correct.sum()} right pairs were found of {n_right}")
    order = np.argsort(-values, kind="stable")
    values, correct = values[order], correct[order]
    ends = np.flatnonzero(np.diff(values, append=-np.inf))
    n_found = np.cumsum(correct)[ends]
    return Curve(values[ends], n_found / (ends + 1), n_found / max(1, n_right))


def interval_iou(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return how much of two stretches of time together both cover; 0 if they do not meet."""
    both = min(one[1], other[1]) - max(one[0], other[0])
    either = max(one[1], other[1]) - min(one[0], other[0])
    return max(0.0, both / either) if either > 0 else 0.0
