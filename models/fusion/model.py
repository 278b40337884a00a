"""Interface of fusion models, and each modality's contribution to a probability."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import NamedTuple

from models.fusion.features import explanation, matched_seconds
from schemas.messages import Contribution, Evidence, Modality

PRIOR = 1e-4
"""Probability of a copy without evidence: the baseline of the contributions."""

VOICE = "voice"
"""An optional modality that leads to a review at most, never to an act."""
_VOICE_CEILING = 0.8
"""Highest probability to which a voice may raise others; below the shipped policy's threshold to act."""

Joined = Callable[[frozenset[Modality]], float]
"""Probability of a copy given the evidence of these modalities."""


class Judgement(NamedTuple):
    """Probability that a post copies a case's references, and the reasons."""

    probability: float
    """0 to below 1; 0 where there is no evidence."""
    contributions: list[Contribution]
    """Natural log-odds added by each modality, largest first; their sum is that of the probability less `PRIOR`'s."""
    counted: list[Evidence]
    """The pieces of evidence that determine the probability; all others could be left out."""


class FusionModel(ABC):
    """Judges evidence; made by the registry."""

    def __init__(self, name: str, version: str) -> None:
        self.name = name
        self.version = version

    @abstractmethod
    def probability(self, modality: Modality, score: float, terms: int = 0, seconds: float = 0.0) -> float:
        """Return the probability, from one piece of evidence alone, that a post copies a reference.

        Parameters
        ----------
        score
            0 to 1, as in the scores topic.
        terms
            Number of the case's terms found, for text.
        seconds
            Matching seconds of the post's medium.
        """

    @abstractmethod
    def judge(self, evidence: Sequence[Evidence]) -> Judgement:
        """Return the probability that a post copies one case, from all its evidence, whatever the order."""

    def alone(self, evidence: Evidence) -> float:
        """Return the probability of a copy from this piece alone."""
        return self.probability(evidence.modality, evidence.score, evidence.terms, matched_seconds(evidence))


def with_voice(others: float, voice: float) -> float:
    """Return the probability of a copy from a voice and other causes.

    The voice joins by noisy-or as they do, but raises the probability to a review at most: many people sound alike.
    """
    return max(others, min(1.0 - (1.0 - others) * (1.0 - voice), _VOICE_CEILING))


def contributions(
    best: dict[Modality, Evidence], joined: Joined, agreeing: frozenset[Modality] = frozenset()
) -> list[Contribution]:
    """Return the contribution of each modality, largest first.

    A contribution is a Shapley value (Shapley 1953; Lundberg & Lee 2017): the log-odds that the modality adds, averaged
    over all orders of arrival. So the sum is exact for every model, and no order of arrival matters.

    Parameters
    ----------
    best
        The piece of each modality that counts.
    agreeing
        Modalities whose pieces agree on the place.
    """
    modalities = sorted(best)
    subsets = (frozenset(chosen) for size, _ in enumerate(modalities, 1) for chosen in combinations(modalities, size))
    odds = {chosen: log_odds(joined(chosen)) for chosen in subsets} | {frozenset(): log_odds(PRIOR)}
    found = []
    for each in modalities:
        why = explanation(best[each], agrees=each in agreeing)
        found.append(Contribution(modality=each, added=_shapley(each, modalities, odds), why=why))
    return sorted(found, key=lambda one: one.added, reverse=True)


def _shapley(modality: Modality, modalities: list[Modality], odds: dict[frozenset[Modality], float]) -> float:
    n = len(modalities)
    without = [chosen for chosen in odds if modality not in chosen]
    share = [math.factorial(len(c)) * math.factorial(n - len(c) - 1) / math.factorial(n) for c in without]
    return math.fsum(s * (odds[c | {modality}] - odds[c]) for s, c in zip(share, without, strict=True))


def log_odds(probability: float) -> float:
    """Return the natural log-odds of a probability between 0 and 1."""
    return math.log(probability) - math.log1p(-probability)
