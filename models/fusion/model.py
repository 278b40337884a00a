"""Scores of one modality to a probability, and probabilities to one.

A first calibration, set by hand on the demonstration set (see card.md); a trained one is to replace it behind the
same two functions.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

from schemas.messages import Modality


class _Logistic(NamedTuple):
    """Score at which the probability is one half, and how steeply it rises there."""

    middle: float
    slope: float


_CALIBRATION: dict[Modality, _Logistic] = {
    "visual": _Logistic(0.5, 20.0),
    "audio": _Logistic(0.5, 20.0),
    "text": _Logistic(0.75, 20.0),
}

_CEILING: dict[Modality, float] = {"visual": 0.9999, "audio": 0.9, "text": 0.8}
"""Most that one modality alone may say. Sound alone never suffices to act, for music is shared; nor do words, for names
are shared and quoting is no copy. Two modalities together may."""

_ALL_CEILING = 0.9999


def probability(modality: Modality, score: float, terms: int = 0) -> float:
    """Return the probability, from this modality alone, that a segment copies a reference.

    Parameters
    ----------
    score
        0 to 1, as in the scores topic.
    terms
        How many of a case's terms were found, for text.
    """
    if terms:
        return _CEILING["text"]
    middle, slope = _CALIBRATION[modality]
    return min(1.0 / (1.0 + math.exp(-slope * (score - middle))), _CEILING[modality])


def fuse(probabilities: Iterable[tuple[Modality, float]]) -> float:
    """Return the probability of a copy given the strongest evidence of each modality: noisy-or.

    Evidence of one modality is not added up: ten weak hits of one kind are usually one mistake made ten times. A
    modality that said nothing is left out, it does not count as zero.
    """
    strongest: dict[Modality, float] = {}
    for modality, value in probabilities:
        strongest[modality] = max(value, strongest.get(modality, 0.0))
    spared = math.prod(1.0 - value for value in strongest.values())
    return min(1.0 - spared, _ALL_CEILING) if strongest else 0.0
