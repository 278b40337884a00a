"""Scores of one modality to a probability, and probabilities to one.

The numbers are data (noisy-or-1.json and others; see card.md); a trained model is to stand behind the same two methods.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Annotated

import msgspec

from schemas.messages import Modality

_MOST_CERTAIN = 0.9999

_Below1 = Annotated[float, msgspec.Meta(gt=0.0, lt=1.0)]
_Positive = Annotated[float, msgspec.Meta(gt=0.0)]


class Curve(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A logistic curve from score to probability."""

    middle: _Below1
    """Score at which the probability is one half."""
    slope: _Positive
    """How steeply it rises there."""
    ceiling: _Below1
    """Most that this modality alone may say."""


class _Calibration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    visual: Curve
    audio: Curve
    text: Curve


class FusionModel:
    """Judges scores; made by the registry."""

    def __init__(self, name: str, version: str, curves: Mapping[Modality, Curve]) -> None:
        self.name = name
        self.version = version
        self._curves = curves

    def probability(self, modality: Modality, score: float, terms: int = 0) -> float:
        """Return the probability, from this modality alone, that a segment copies a reference.

        Parameters
        ----------
        score
            0 to 1, as in the scores topic.
        terms
            How many of a case's terms were found, for text.
        """
        curve = self._curves[modality]
        if terms:
            return curve.ceiling
        return min(1.0 / (1.0 + math.exp(-curve.slope * (score - curve.middle))), curve.ceiling)

    def fuse(self, probabilities: Iterable[tuple[Modality, float]]) -> float:
        """Return the probability of a copy given the strongest evidence of each modality: noisy-or.

        Evidence of one modality is not added up: ten weak hits of one kind are usually one mistake made ten times. A
        modality that said nothing is left out, it does not count as zero.
        """
        strongest: dict[Modality, float] = {}
        for modality, value in probabilities:
            strongest[modality] = max(value, strongest.get(modality, 0.0))
        spared = math.prod(1.0 - value for value in strongest.values())
        return min(1.0 - spared, _MOST_CERTAIN) if strongest else 0.0


def read_curves(content: bytes) -> Mapping[Modality, Curve]:
    """Return the curve of each modality from a calibration file.

    Raises
    ------
    ValueError
        It is not one.
    """
    calibration = msgspec.json.decode(content, type=_Calibration)
    return {"visual": calibration.visual, "audio": calibration.audio, "text": calibration.text}
