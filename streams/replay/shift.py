"""How probabilities and scores moved between two sides. Pure functions."""

from collections import Counter
from collections.abc import Iterable

import msgspec

from schemas.messages import MODALITIES
from streams.replay.differences import Judgement, Side

_STEPS = 50
"""Values are told apart in so many steps, so that a page of many posts stays small."""


class Point(msgspec.Struct, frozen=True, array_like=True):
    """Pairs of a post and a case with about these values."""

    before: float
    after: float
    n: int


def probabilities(before: Side, after: Side) -> list[Point]:
    """Return the probabilities of the posts and cases that either side named; a side that did not has 0."""
    pairs = before.judged.keys() | after.judged.keys()
    return _points((_probability(before.judged.get(pair)), _probability(after.judged.get(pair))) for pair in pairs)


def scores(before: Side, after: Side) -> dict[str, list[Point]]:
    """Return the best scores of each modality where both sides have one."""
    both = [(before.judged[pair].best, after.judged[pair].best) for pair in before.judged.keys() & after.judged.keys()]
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


def _probability(judged: Judgement | None) -> float:
    return judged.probability if judged is not None else 0.0
