"""Curves set by hand: the score of each modality to a probability, and probabilities to one by a noisy-or.

The numbers are data, noisy-or-1.json and others; card.md tells what they hold to. `causes` is the trained model.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, override

import msgspec

from models.fusion.model import FusionModel, Judgement, contributions, with_voice
from schemas.messages import Evidence, Modality

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


_VOICE = Curve(middle=0.8, slope=20.0, ceiling=0.7)
"""Of a calibration that says nothing of voices."""


class _Calibration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    visual: Curve
    audio: Curve
    text: Curve
    voice: Curve = _VOICE


class NoisyOr(FusionModel):
    """Joins the strongest evidence of each modality as causes that need each other for nothing."""

    def __init__(self, name: str, version: str, curves: Mapping[str, Curve]) -> None:
        super().__init__(name, version)
        self._curves = curves

    @override
    def probability(self, modality: Modality, score: float, terms: int = 0, seconds: float = 0.0) -> float:
        curve = self._curves[modality]
        if terms:
            return curve.ceiling
        return min(1.0 / (1.0 + math.exp(-curve.slope * (score - curve.middle))), curve.ceiling)

    @override
    def judge(self, evidence: Sequence[Evidence]) -> Judgement:
        best: dict[Modality, Evidence] = {}
        for piece in evidence:
            if piece.modality not in best or self.alone(piece) > self.alone(best[piece.modality]):
                best[piece.modality] = piece
        said = {modality: self.alone(piece) for modality, piece in best.items()}
        added = contributions(best, lambda chosen: self.fuse((modality, said[modality]) for modality in sorted(chosen)))
        return Judgement(self.fuse(said.items()), added, list(best.values()))

    def fuse(self, probabilities: Iterable[tuple[Modality, float]]) -> float:
        """Return the probability of a copy given the strongest evidence of each modality: noisy-or.

        Evidence of one modality is not added up: ten weak hits of one kind are usually one mistake made ten times. A
        modality that said nothing is left out, it does not count as zero.
        """
        strongest: dict[str, float] = {}
        for modality, value in probabilities:
            strongest[modality] = max(value, strongest.get(modality, 0.0))
        voice = strongest.pop("voice", 0.0)
        spared = math.prod(1.0 - value for value in strongest.values())
        return with_voice(min(1.0 - spared, _MOST_CERTAIN) if strongest else 0.0, voice)


def read_curves(content: bytes) -> Mapping[str, Curve]:
    """Return the curve of each modality from a calibration file.

    Raises
    ------
    ValueError
        It is not one.
    """
    calibration = msgspec.json.decode(content, type=_Calibration)
    return {name: getattr(calibration, name) for name in _Calibration.__struct_fields__}
