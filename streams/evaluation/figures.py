"""How well a set was searched, in figures.

One ranking of all (upload, case) pairs, by probability for all senses together, by score for one sense alone (its
probability stops at a ceiling, where all would tie):

- micro_ap: average precision of that ranking (models/metrics.py).
- recall_at_p100: share of the copies that rank above the first wrong pair; recall_at_p99: the largest recall of any
  threshold at which 99 % of the pairs are right.
- per_transform: recall of each edit's copies at the threshold of recall_at_p100.
- false_acts: wrong pairs that the shipped thresholds act on. Neither fitted to the set nor to its ranking.
- per_modality: the same of one sense alone, and only over copies that this sense can find: those whose edit keeps it,
  or, where the set does not say, whose medium has it (for words: whose case has terms). Right pairs of other copies
  are left out, wrong pairs never are: a sense must not speak of what it cannot know.
- interval_iou: mean overlap (intersection over union) of where the copy was found with where it is, over copies above
  the threshold of recall_at_p100 whose place is known.
- cpu_seconds: of this process and its decoders, from the file to the verdict, for all uploads; media_seconds: how long
  those uploads last.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import msgspec

from models.metrics import Curve, curve, interval_iou
from schemas.messages import Modality
from streams.evaluation.judged import Finding
from streams.evaluation.manifest import Query

SENSES: tuple[Modality, ...] = ("visual", "audio", "text")


class Searched(msgspec.Struct, frozen=True, kw_only=True):
    """One upload and all that was found of it."""

    query: Query
    findings: list[Finding]
    """The most probable first."""
    senses: list[Modality]
    """Those that can find it, if it is a copy."""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Of all senses together, or of one."""

    copies: int
    micro_ap: float
    recall_at_p100: float
    recall_at_p99: float
    false_acts: int
    per_transform: dict[str, float]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The most probable case of an upload."""

    id: str
    case: str | None
    probability: float
    scores: dict[Modality, float]
    interval: tuple[float, float] | None


class Ranked(msgspec.Struct, frozen=True, kw_only=True):
    """One pair of the ranking."""

    query: Query
    finding: Finding
    value: float
    right: bool


def ranking(searched: Iterable[Searched], sense: Modality | None = None) -> list[Ranked]:
    """Return all pairs of a sense, of all together if None; right pairs that the sense cannot know are left out."""
    pairs = []
    for each in searched:
        for found in each.findings:
            right = found.case == each.query.expect
            value = found.probability if sense is None else found.scores.get(sense)
            if value is not None and (not right or sense is None or sense in each.senses):
                pairs.append(Ranked(query=each.query, finding=found, value=value, right=right))
    return pairs


def copies(searched: Iterable[Searched], sense: Modality | None = None) -> list[Query]:
    """Return the copies that a sense can find."""
    wanted = [each for each in searched if each.query.expect is not None]
    return [each.query for each in wanted if sense is None or sense in each.senses]


def curve_of(searched: Sequence[Searched], sense: Modality | None = None) -> Curve:
    """Return precision and recall of a sense, of all together if None."""
    pairs = ranking(searched, sense)
    return curve([pair.value for pair in pairs], [pair.right for pair in pairs], len(copies(searched, sense)))


def figures(searched: Sequence[Searched], act_at: float, sense: Modality | None = None) -> Figures:
    """Return the figures of a sense, of all together if None."""
    drawn, pairs = curve_of(searched, sense), ranking(searched, sense)
    threshold = drawn.threshold_at(1.0)
    acted: Callable[[Finding], bool] = (
        (lambda found: found.acted) if sense is None else (lambda found: found.probabilities[sense] >= act_at)
    )
    found = {pair.query.id for pair in pairs if pair.right and pair.value >= threshold}
    return Figures(
        copies=len(copies(searched, sense)),
        micro_ap=drawn.average_precision,
        recall_at_p100=drawn.recall_at(1.0),
        recall_at_p99=drawn.recall_at(0.99),
        false_acts=sum(not pair.right and acted(pair.finding) for pair in pairs),
        per_transform=_shares(copies(searched, sense), found),
    )


def mean_iou(searched: Sequence[Searched]) -> float | None:
    """Return how well copies were located, None if no place is known of any that was found."""
    threshold = curve_of(searched).threshold_at(1.0)
    overlaps = [
        interval_iou(pair.finding.interval, pair.query.interval) if pair.finding.interval else 0.0
        for pair in ranking(searched)
        if pair.right and pair.value >= threshold and pair.query.interval
    ]
    return sum(overlaps) / len(overlaps) if overlaps else None


def answer(searched: Searched) -> Answer:
    """Return the most probable case of an upload, no case if none was found."""
    query = searched.query
    if not searched.findings:
        return Answer(id=query.id, case=None, probability=0.0, scores={}, interval=None)
    best = searched.findings[0]
    return Answer(id=query.id, case=best.case, probability=best.probability, scores=best.scores, interval=best.interval)


def _shares(wanted: Iterable[Query], found: set[str]) -> dict[str, float]:
    """Return which share of each edit's copies was found."""
    hits: dict[str, list[bool]] = defaultdict(list)
    for query in wanted:
        hits[query.transform or "unnamed"].append(query.id in found)
    return {name: sum(each) / len(each) for name, each in sorted(hits.items())}
