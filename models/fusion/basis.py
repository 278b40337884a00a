"""Basis functions of a cause's logit: ramps over score, seconds and terms, none of which ever falls."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

CAUSES = ("visual", "audio", "text", "voice", "agreement")
"""The graph's input is an index into these; agreement is picture and sound found at one place of the reference."""
CEILINGS = {"visual": 0.99999, "audio": 0.9, "text": 0.8, "voice": 0.7, "agreement": 0.99999}
"""Highest probability from one cause alone; below 0.95, where the shipped policy acts, the cause never acts alone."""
FEATURES = 3
"""Columns of the graph's input: score 0 to 1, matching seconds of the post, number of terms found."""
_SCORE, _SECONDS, _TERMS = range(FEATURES)

Rows = npt.NDArray[np.float64]


class Ramp(NamedTuple):
    """Basis function: 0 up to `low` of a feature, 1 from `high` on, linear between."""

    feature: int
    low: float
    high: float
    scaled: bool = False
    """Whether it is multiplied by the score: length raises confidence in a similarity, and is no evidence alone."""


def _ramps(feature: int, knots: tuple[float, ...], *, scaled: bool = False) -> tuple[Ramp, ...]:
    return tuple(Ramp(feature, low, high, scaled) for low, high in pairwise(knots))


SCORE_KNOTS = (0.0, 0.1, 0.2, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.8, 0.9, 1.0)
"""Closest together where the scores of copies and of chance matches overlap."""
RAMPS = (
    *_ramps(_SCORE, SCORE_KNOTS),
    *_ramps(_SECONDS, (0.0, 2.0, 5.0, 12.0, 30.0), scaled=True),
    *_ramps(_TERMS, (0.0, 1.0, 2.0, 5.0)),
)
LOW = np.array([ramp.low for ramp in RAMPS])
WIDTH = np.array([ramp.high - ramp.low for ramp in RAMPS])
FEATURE = np.array([[ramp.feature == column for ramp in RAMPS] for column in range(FEATURES)], np.float64)
"""Selects each ramp's feature, shape (features, ramps)."""
SCALED = np.array([ramp.scaled for ramp in RAMPS], np.float64)


def ramps(features: Rows) -> Rows:
    """Return the value of each ramp, 0 to 1, shape (n, ramps), for features of shape (n, 3)."""
    risen = np.clip((features @ FEATURE - LOW) / WIDTH, 0.0, 1.0)
    values: Rows = risen * (SCALED * features[:, :1] + (1.0 - SCALED))
    return values
