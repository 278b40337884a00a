"""How far probabilities can be believed: reliability diagram, calibration error, and from where on none is wrong.

Expected calibration error after Naeini et al. 2015, "Obtaining Well Calibrated Probabilities Using Bayesian Binning".
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Probabilities = npt.NDArray[np.float64]
Labels = npt.NDArray[np.bool_]


class Bin(NamedTuple):
    """Pairs of about one probability."""

    n: int
    said: float
    """Mean probability."""
    true: float
    """Share of copies."""


def reliability(probabilities: Probabilities, labels: Labels, n_bins: int = 10) -> list[Bin]:
    """Return the bins of equal width that hold anything, lowest first; both of shape (n,)."""
    place = np.minimum((probabilities * n_bins).astype(np.intp), n_bins - 1)
    held = [place == number for number in np.unique(place)]
    return [Bin(int(own.sum()), float(probabilities[own].mean()), float(labels[own].mean())) for own in held]


def calibration_error(bins: list[Bin]) -> float:
    """Return the mean distance of what was said from what was true, over all pairs."""
    n = sum(found.n for found in bins)
    return sum(found.n * abs(found.said - found.true) for found in bins) / n if n else 0.0


def safe_threshold(probabilities: Probabilities, labels: Labels) -> float:
    """Return the least probability from which every pair is a copy; above 1 if none is."""
    most_wrong = probabilities[~labels].max(initial=0.0)
    right = probabilities[labels & (probabilities > most_wrong)]
    return float(right.min(initial=2.0))


def recall(probabilities: Probabilities, labels: Labels, threshold: float) -> float:
    """Return the share of copies at or above a threshold."""
    return float((probabilities[labels] >= threshold).mean()) if labels.any() else 0.0
