"""The trained fusion model: one logit for each cause of a copy, joined by a noisy-or.

A post copies a reference because its pictures do, or its sound, or its text, or because pictures and sound were found
at one place of the reference, which rarely happens by chance. The logit of each cause rises with score, seconds and
terms (an additive model on ramps, basis.py). Any one cause is enough, so the probabilities that each caused no copy
multiply (noisy-or, Pearl 1988). train.py fits all causes at once to labelled posts.
"""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple, override

import msgspec
import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from models.fusion.basis import CAUSES, FEATURES
from models.fusion.features import agreements, matched_seconds
from models.fusion.model import FusionModel, Judgement, contributions, with_voice
from models.fusion.stills import joined_stills
from schemas.messages import Evidence, Modality, Passage

_AGREEMENT = "agreement"
_OF_ROOM = {"visual": -math.log1p(-0.85), "audio": -math.log1p(-0.884)}
"""Strength that another recording of the reference's room may reach, as measured (card.md): it shows the room and
shares its sounds, so the two are not independent."""
_WITHOUT_ROOMS = "1"
"""Version in which a room at no known moment agrees with no sound."""


class _Candidate(NamedTuple):
    """Features of one possible cause: a piece of evidence, a picture and a sound that agree, or several stills."""

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
        self._joins_rooms = version != _WITHOUT_ROOMS

    @override
    def probability(self, modality: Modality, score: float, terms: int = 0, seconds: float = 0.0) -> float:
        (strength,) = self._strengths([_Candidate(modality, score, seconds, terms, ())])
        return _noisy_or({modality: strength}, modality)

    @override
    def judge(self, evidence: Sequence[Evidence]) -> Judgement:
        candidates = [
            *(_Candidate(one.modality, one.score, matched_seconds(one), one.terms, (one,)) for one in evidence),
            *(
                _Candidate(_AGREEMENT, two.score, two.seconds, 0, (two.picture, two.sound))
                for two in agreements(evidence, in_rooms=self._joins_rooms)
            ),
            *(_Candidate("visual", several.score, 0.0, 0, several.pieces) for several in joined_stills(evidence)),
        ]
        if not candidates:
            return Judgement(0.0, [], [])
        strongest: dict[str, tuple[float, _Candidate]] = {}
        for one, strength in zip(candidates, self._strengths(candidates), strict=True):
            if one.cause not in strongest or strength > strongest[one.cause][0]:
                strongest[one.cause] = strength, one
        return _judgement(strongest, in_rooms=self._joins_rooms)

    def _strengths(self, candidates: Sequence[_Candidate]) -> list[float]:
        """Return the strength of each: minus the logarithm of the probability that it did not cause a copy."""
        causes = np.array([CAUSES.index(one.cause) for one in candidates], np.int64)
        features = np.array([[one.score, one.seconds, one.terms] for one in candidates], np.float64)
        logits: npt.NDArray[np.float64] = self._session.run(
            ["logit"], {"cause": causes, "features": features.reshape(-1, FEATURES)}
        )[0]
        strengths: list[float] = np.logaddexp(0.0, logits).tolist()
        return strengths


def _judgement(strongest: Mapping[str, tuple[float, _Candidate]], *, in_rooms: bool) -> Judgement:
    strengths = {cause: strength for cause, (strength, _) in strongest.items()}
    best: dict[Modality, Evidence] = {
        one.pieces[0].modality: _as_one(one) for cause, (_, one) in strongest.items() if cause != _AGREEMENT
    }
    pair = strongest[_AGREEMENT][1].pieces if _AGREEMENT in strongest else ()
    agreeing = frozenset(modality for modality, piece in best.items() if any(piece is other for other in pair))
    joined = partial(_noisy_or, strengths, in_rooms=in_rooms)
    added = contributions(best, lambda chosen: joined(*_causes(chosen)), agreeing)
    pieces = {id(piece): piece for _, one in strongest.values() for piece in one.pieces}
    return Judgement(joined(*strengths), added, list(pieces.values()))


def _as_one(found: _Candidate) -> Evidence:
    """Return the evidence to be explained: several stills are one piece with a passage for each."""
    first, *further = found.pieces
    if not further:
        return first
    each = [Passage(query=still.query, reference=still.reference, score=still.score) for still in found.pieces]
    return msgspec.structs.replace(first, score=found.score, passages=each)


def _causes(chosen: frozenset[Modality]) -> list[str]:
    """Return the causes for which evidence of these modalities is enough."""
    return [*sorted(chosen), *([_AGREEMENT] if chosen >= {"visual", "audio"} else [])]


def _noisy_or(strengths: Mapping[str, float], *causes: str, in_rooms: bool = False) -> float:
    """Return the probability that any of these is a cause; as precise next to one as next to zero.

    With `in_rooms`, of a picture and a sound that another recording of the room may share only the stronger one counts.
    """
    voice = -math.expm1(-strengths["voice"]) if "voice" in causes else 0.0
    others = math.fsum(strengths[cause] for cause in causes if cause != "voice" and cause in strengths)
    if in_rooms and all(cause in causes and strengths[cause] <= most for cause, most in _OF_ROOM.items()):
        others -= min(strengths[cause] for cause in _OF_ROOM)
    return with_voice(-math.expm1(-others), voice)
