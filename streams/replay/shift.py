"""Shift of probabilities and scores between two sides. Pure functions."""

from collections import Counter
from collections.abc import Iterable

import msgspec

from schemas.messages import MODALITIES
from streams.replay.sides import Side, VerdictSummary

_STEPS = 50
"""Values are rounded to this many steps, so that a page of many posts stays small."""


class Point(msgspec.Struct, frozen=True, array_like=True):
    """Number of pairs of a post and a case with about these values."""

    before: float
    after: float
    n: int


def probabilities(before: Side, after: Side) -> list[Point]:
    """Return the probabilities of the pairs of which either side has a verdict; a side without one has 0."""
    pairs = before.verdicts.keys() | after.verdicts.keys()
    return _points((_probability(before.verdicts.get(pair)), _probability(after.verdicts.get(pair))) for pair in pairs)


def scores(before: Side, after: Side) -> dict[str, list[Point]]:
    """Return the best scores of each modality, of the pairs where both sides have one."""
    both = [
        (before.verdicts[pair].best, after.verdicts[pair].best)
        for pair in before.verdicts.keys() & after.verdicts.keys()
    ]
    found = {
        modality: _points(
            (old[modality].score, new[modality].score) for old, new in both if modality in old and modality in new
        )
        for modality in MODALITIES
    }
    return {modality: points for modality, points in found.items() if points}


def _points(values: Iterable[tuple[float, float]]) -> list[Point]:
    counted = Counter((round(before * _STEPS), round(after * _STEPS)) for before, after in values)
    return [Point(before / _STEPS, after / _STEPS, n) for (before, after), n in sorted(counted.items())]


def _probability(verdict: VerdictSummary | None) -> float:
    return verdict.probability if verdict is not None else 0.0
