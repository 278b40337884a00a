"""What a fusion model answers, and how what it says is shared out among the senses."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import NamedTuple

from models.fusion.pieces import seconds, why
from schemas.messages import Contribution, Evidence, Modality

PRIOR = 1e-4
"""Probability of a copy where nothing was found; what the contributions are counted from."""

VOICE = "voice"
"""An optional sense that only ever asks a person."""
_VOICE_CEILING = 0.8
"""Most that a voice may lift a probability to, below where the shipped policy acts."""

Joined = Callable[[frozenset[Modality]], float]
"""Probability of a copy given what these senses found."""


class Judgement(NamedTuple):
    """How likely a post copies a case's references, and why."""

    probability: float
    """0 to below 1; 0 where there is no evidence."""
    contributions: list[Contribution]
    """What each sense added, the largest first: natural log-odds, their sum that of the probability less `PRIOR`'s."""
    counted: list[Evidence]
    """The pieces that it rests on; without all others it would be the same."""


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
            How many of a case's terms were found, for text.
        seconds
            How much of the post's medium matches.
        """

    @abstractmethod
    def judge(self, evidence: Sequence[Evidence]) -> Judgement:
        """Return the probability that a post copies one case, all its evidence together, in whatever order."""

    def alone(self, evidence: Evidence) -> float:
        """Return the probability from this piece alone."""
        return self.probability(evidence.modality, evidence.score, evidence.terms, seconds(evidence))


def with_voice(others: float, voice: float) -> float:
    """Return the probability of a copy where a voice speaks beside other causes.

    It joins as they do, but never lifts above what a person is to see: many people sound alike.
    """
    return max(others, min(1.0 - (1.0 - others) * (1.0 - voice), _VOICE_CEILING))


def contributions(
    best: dict[Modality, Evidence], joined: Joined, together: frozenset[Modality] = frozenset()
) -> list[Contribution]:
    """Return what each sense added, the largest first.

    Each gets its Shapley value (Shapley 1953; Lundberg & Lee 2017): the log-odds that it adds, averaged over all orders
    in which the senses could have spoken. So the sum is exact whatever the model, and no order of arrival matters.

    Parameters
    ----------
    best
        The piece that counts of each sense.
    together
        Senses that found the same place.
    """
    senses = sorted(best)
    odds = {chosen: _log_odds(joined(chosen)) for chosen in _subsets(senses)} | {frozenset(): _log_odds(PRIOR)}
    found = [
        Contribution(
            modality=sense, added=_average(sense, senses, odds), why=why(best[sense], agrees=sense in together)
        )
        for sense in senses
    ]
    return sorted(found, key=lambda one: one.added, reverse=True)


def _subsets(senses: list[Modality]) -> list[frozenset[Modality]]:
    return [frozenset(chosen) for size in range(1, len(senses) + 1) for chosen in combinations(senses, size)]


def _average(sense: Modality, senses: list[Modality], odds: dict[frozenset[Modality], float]) -> float:
    n = len(senses)
    without = [chosen for chosen in odds if sense not in chosen]
    share = [math.factorial(len(c)) * math.factorial(n - len(c) - 1) / math.factorial(n) for c in without]
    return math.fsum(s * (odds[c | {sense}] - odds[c]) for s, c in zip(share, without, strict=True))


def _log_odds(probability: float) -> float:
    return math.log(probability) - math.log1p(-probability)
