"""Hand-set fusion: a logistic curve from score to probability for each modality, joined by a noisy-or.

The curves are data (noisy-or-1.json and others); card.md lists their guarantees. `causes` is the trained model.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, override

import msgspec

from models.fusion.model import FusionModel, Judgement, contributions, with_voice
from schemas.messages import Evidence, Modality

_MAX_PROBABILITY = 0.9999

_Below1 = Annotated[float, msgspec.Meta(gt=0.0, lt=1.0)]
_Positive = Annotated[float, msgspec.Meta(gt=0.0)]


class Curve(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A logistic curve from score to probability."""

    middle: _Below1
    """Score at which the probability is one half."""
    slope: _Positive
    """Slope of the logit."""
    ceiling: _Below1
    """Highest probability from this modality alone."""


_VOICE = Curve(middle=0.8, slope=20.0, ceiling=0.7)
"""Default for a calibration without a voice curve."""


class _Calibration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    visual: Curve
    audio: Curve
    text: Curve
    voice: Curve = _VOICE


class NoisyOr(FusionModel):
    """Joins the strongest evidence of each modality as independent causes."""

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
        alone = {modality: self.alone(piece) for modality, piece in best.items()}
        added = contributions(best, lambda chosen: self.fuse((each, alone[each]) for each in sorted(chosen)))
        return Judgement(self.fuse(alone.items()), added, list(best.values()))

    def fuse(self, probabilities: Iterable[tuple[Modality, float]]) -> float:
        """Return the probability of a copy given the strongest evidence of each modality: noisy-or.

        Evidence of one modality is not added up: ten weak matches of one kind are usually one error made ten times. A
        modality without evidence is left out; it does not count as zero.
        """
        strongest: dict[str, float] = {}
        for modality, value in probabilities:
            strongest[modality] = max(value, strongest.get(modality, 0.0))
        voice = strongest.pop("voice", 0.0)
        none = math.prod(1.0 - value for value in strongest.values())
        return with_voice(min(1.0 - none, _MAX_PROBABILITY) if strongest else 0.0, voice)


def read_curves(content: bytes) -> Mapping[str, Curve]:
    """Return the curve of each modality from a calibration file.

    Raises
    ------
    ValueError
        The content is no calibration.
    """
    calibration = msgspec.json.decode(content, type=_Calibration)
    return {name: getattr(calibration, name) for name in _Calibration.__struct_fields__}
