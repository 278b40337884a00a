"""The trained model: each way in which a post may copy a reference, and a noisy-or over them.

A post copies a reference because its pictures do, or its sound, or its words, or because pictures and sound were
found at one place, which neither finds by chance. Each cause has a logit that rises with score, seconds and terms (an
additive model on ramps, basis.py); any one of them is enough, so the probabilities that they spared the post multiply
(noisy-or, Pearl 1988). train.py fits all of them at once to labelled posts.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import NamedTuple, override

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from models.fusion.basis import CAUSES, FEATURES
from models.fusion.model import FusionModel, Judgement, contributions, with_voice
from models.fusion.pieces import meetings, seconds
from schemas.messages import Evidence, Modality

_MEETING = "meeting"


class _Found(NamedTuple):
    """One piece of evidence, or two that met, as the graph sees it."""

    cause: str
    score: float
    seconds: float
    terms: int
    pieces: tuple[Evidence, ...]


class CausesModel(FusionModel):
    """Judges evidence by a trained graph; made by the registry."""

    def __init__(self, session: ort.InferenceSession, name: str, version: str) -> None:
        super().__init__(name, version)
        self._session = session

    @override
    def probability(self, modality: Modality, score: float, terms: int = 0, seconds: float = 0.0) -> float:
        (weight,) = self._weights([_Found(modality, score, seconds, terms, ())])
        return _noisy_or({modality: weight}, modality)

    @override
    def judge(self, evidence: Sequence[Evidence]) -> Judgement:
        found = list(chain(map(_alone, evidence), _met(evidence)))
        if not found:
            return Judgement(0.0, [], [])
        strongest: dict[str, tuple[float, _Found]] = {}
        for one, weight in zip(found, self._weights(found), strict=True):
            if one.cause not in strongest or weight > strongest[one.cause][0]:
                strongest[one.cause] = weight, one
        return _judgement(strongest)

    def _weights(self, found: Sequence[_Found]) -> list[float]:
        """Return how strongly each speaks: minus the logarithm of the probability that it did not cause a copy."""
        causes = np.array([CAUSES.index(one.cause) for one in found], np.int64)
        features = np.array([[one.score, one.seconds, one.terms] for one in found], np.float64).reshape(-1, FEATURES)
        logits: npt.NDArray[np.float64] = self._session.run(["logit"], {"cause": causes, "features": features})[0]
        weights: list[float] = np.logaddexp(0.0, logits).tolist()
        return weights


def _alone(evidence: Evidence) -> _Found:
    return _Found(evidence.modality, evidence.score, seconds(evidence), evidence.terms, (evidence,))


def _met(evidence: Sequence[Evidence]) -> list[_Found]:
    return [_Found(_MEETING, met.score, met.seconds, 0, (met.picture, met.sound)) for met in meetings(evidence)]


def _judgement(strongest: Mapping[str, tuple[float, _Found]]) -> Judgement:
    weights = {cause: weight for cause, (weight, _) in strongest.items()}
    best: dict[Modality, Evidence] = {
        one.pieces[0].modality: one.pieces[0] for cause, (_, one) in strongest.items() if cause != _MEETING
    }
    met = strongest[_MEETING][1].pieces if _MEETING in strongest else ()
    together = frozenset(sense for sense, piece in best.items() if any(piece is other for other in met))
    added = contributions(best, lambda chosen: _noisy_or(weights, *_causes(chosen)), together)
    pieces = {id(piece): piece for _, one in strongest.values() for piece in one.pieces}
    return Judgement(_noisy_or(weights, *weights), added, list(pieces.values()))


def _causes(chosen: frozenset[Modality]) -> list[str]:
    """Return which causes these senses can tell of."""
    return [*sorted(chosen), *([_MEETING] if chosen >= {"visual", "audio"} else [])]


def _noisy_or(weights: Mapping[str, float], *causes: str) -> float:
    """Return the probability that any of these is a cause; as precise next to one as next to zero."""
    voice = -math.expm1(-weights["voice"]) if "voice" in causes else 0.0
    others = math.fsum(weights[cause] for cause in causes if cause != "voice" and cause in weights)
    return with_voice(-math.expm1(-others), voice)
