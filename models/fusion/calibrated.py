"""Calibrated fusion: another model's probability on a straight line in log-odds, which `jikimi learn` fits to labels.

The line rises, so the order of posts stays that of the model below. What a cause that must not act alone can reach at
most stays below the shipped policy's threshold to act: sound, words or a voice alone act no more than before.
"""

import math
from collections.abc import Sequence
from typing import Annotated, override

import msgspec

from models.fusion.basis import CEILINGS
from models.fusion.model import PRIOR, FusionModel, Judgement, log_odds
from schemas.messages import Evidence, Modality

ACT = 0.95
"""Where the shipped policy acts."""
LONE = max(ceiling for ceiling in CEILINGS.values() if ceiling < ACT)
"""Highest probability of a cause that must not act alone."""
LONE_AFTER = 0.949
"""Highest value that a line may give it."""
_ROUNDING = 1e-4
"""By which a rounded line may exceed it."""
_NOTHING = 1e-9
_LARGEST = 36.0
"""Of log-odds: the probability of a larger one would round to 1."""


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line in log-odds."""

    slope: Annotated[float, msgspec.Meta(gt=0.0)]
    offset: float

    def of(self, probability: float) -> float:
        """Return the calibrated probability; 0 stays 0."""
        if probability <= 0.0:
            return 0.0
        logit = self.slope * log_odds(min(probability, 1.0 - 1e-15)) + self.offset
        return 1.0 / (1.0 + math.exp(-max(-_LARGEST, min(_LARGEST, logit))))

    @property
    def is_safe(self) -> bool:
        """Whether a cause that must not act alone still does not."""
        return self.of(LONE) <= LONE_AFTER + _ROUNDING


class CalibrationFile(Line, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Content of the model's file."""

    base: str
    """Model below, as name@version; no calibrated one."""


class Calibrated(FusionModel):
    """Judges as the model below does, with calibrated probabilities."""

    def __init__(self, name: str, version: str, base: FusionModel, line: Line) -> None:
        super().__init__(name, version)
        self.base = base
        self._line = line

    @override
    def probability(self, modality: Modality, score: float, terms: int = 0, seconds: float = 0.0) -> float:
        return self._line.of(self.base.probability(modality, score, terms, seconds))

    @override
    def judge(self, evidence: Sequence[Evidence]) -> Judgement:
        judged = self.base.judge(evidence)
        found = self._line.of(judged.probability)
        total = math.fsum(one.added for one in judged.contributions)
        if found <= 0.0 or abs(total) < _NOTHING:
            return judged._replace(probability=found)
        scale = (log_odds(found) - log_odds(PRIOR)) / total  # so that they add up to the calibrated log-odds
        added = [msgspec.structs.replace(one, added=one.added * scale) for one in judged.contributions]
        return judged._replace(probability=found, contributions=added)


def read_calibration(content: bytes) -> CalibrationFile | None:
    """Return the content of a calibration's file, None for a file that names no model below.

    Raises
    ------
    ValueError
        It is malformed, or would let a cause act that must not act alone.
    """
    if b'"base"' not in content:
        return None
    found = msgspec.json.decode(content, type=CalibrationFile)
    if not found.is_safe:
        raise ValueError(f"sound or words alone would reach {found.of(LONE):.3f}, above {LONE_AFTER}")
    return found
