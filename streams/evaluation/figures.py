"""Figures of an evaluation: ranking quality, false acts, and overlap of intervals.

All (upload, case) pairs form one ranking: by probability for all modalities together, by score for one modality alone,
because its probabilities tie at its ceiling.

- micro_ap: average precision of that ranking (models/metrics.py).
- recall_at_p100: share of the copies that rank above the first wrong pair; recall_at_p99: the largest recall of any
  threshold at which 99 % of the pairs are copies.
- per_transform: recall of each edit's copies at the threshold of recall_at_p100.
- false_acts: wrong pairs on which the shipped thresholds act. The thresholds are fitted neither to the set nor to its
  ranking.
- per_modality: the same for one modality alone, over the copies that this modality can find: those whose edit keeps it,
  or, where the set names none, whose medium has it (for text: whose case has terms). Other copies are left out; wrong
  pairs never are, because a modality must not match where it has no information.
- interval_iou: mean intersection over union of the found and the true interval of a copy, over copies of known interval
  above the threshold of recall_at_p100.
- cpu_seconds: CPU time of this process and its decoders, from the file to the verdict, for all uploads; media_seconds:
  total duration of the uploads.
"""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from models.metrics import PrecisionRecallCurve, interval_iou, precision_recall_curve, recall_by_group
from schemas.messages import Modality
from streams.evaluation.judged import Finding
from streams.evaluation.manifest import Query


class Searched(msgspec.Struct, frozen=True, kw_only=True):
    """One upload and its findings."""

    query: Query
    findings: list[Finding]
    """Most probable first."""
    modalities: list[Modality]
    """Modalities that can find it, if it is a copy."""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of all modalities together, or of one."""

    copies: int
    micro_ap: float
    recall_at_p100: float
    recall_at_p99: float
    false_acts: int
    per_transform: dict[str, float]


class TopCase(msgspec.Struct, frozen=True, kw_only=True):
    """Most probable case of an upload."""

    id: str
    case: str | None
    probability: float
    scores: dict[Modality, float]
    interval: tuple[float, float] | None


class RankedPair(msgspec.Struct, frozen=True, kw_only=True):
    """One pair of the ranking."""

    query: Query
    finding: Finding
    value: float
    """Probability, or the score of one modality."""
    copy: bool


def ranking(searched: Iterable[Searched], modality: Modality | None = None) -> list[RankedPair]:
    """Return the pairs of a modality, of all together if None, without copies that the modality cannot find."""
    pairs = []
    for each in searched:
        for found in each.findings:
            copy = found.case == each.query.expect
            value = found.probability if modality is None else found.scores.get(modality)
            if value is not None and (not copy or modality is None or modality in each.modalities):
                pairs.append(RankedPair(query=each.query, finding=found, value=value, copy=copy))
    return pairs


def copies(searched: Iterable[Searched], modality: Modality | None = None) -> list[Query]:
    """Return the copies that a modality can find."""
    wanted = [each for each in searched if each.query.expect is not None]
    return [each.query for each in wanted if modality is None or modality in each.modalities]


def curve(searched: Sequence[Searched], modality: Modality | None = None) -> PrecisionRecallCurve:
    """Return precision and recall of a modality, of all together if None."""
    pairs, n_copies = ranking(searched, modality), len(copies(searched, modality))
    return precision_recall_curve([pair.value for pair in pairs], [pair.copy for pair in pairs], n_copies)


def figures(searched: Sequence[Searched], act_at: float, modality: Modality | None = None) -> Figures:
    """Return the figures of a modality, of all together if None."""
    drawn, pairs, wanted = curve(searched, modality), ranking(searched, modality), copies(searched, modality)
    threshold = drawn.threshold_at(1.0)
    acted: Callable[[Finding], bool] = (
        (lambda found: found.acted) if modality is None else (lambda found: found.probabilities[modality] >= act_at)
    )
    found = {pair.query.id for pair in pairs if pair.copy and pair.value >= threshold}
    return Figures(
        copies=len(wanted),
        micro_ap=drawn.average_precision,
        recall_at_p100=drawn.recall_at(1.0),
        recall_at_p99=drawn.recall_at(0.99),
        false_acts=sum(not pair.copy and acted(pair.finding) for pair in pairs),
        per_transform=recall_by_group((query.transform or "unnamed", query.id in found) for query in wanted),
    )


def mean_iou(searched: Sequence[Searched]) -> float | None:
    """Return the mean overlap of found and true intervals, None if no copy above the threshold has a known one."""
    threshold = curve(searched).threshold_at(1.0)
    overlaps = [
        interval_iou(pair.finding.interval, pair.query.interval) if pair.finding.interval else 0.0
        for pair in ranking(searched)
        if pair.copy and pair.value >= threshold and pair.query.interval
    ]
    return sum(overlaps) / len(overlaps) if overlaps else None


def top_case(searched: Searched) -> TopCase:
    """Return the most probable case of an upload, no case without findings."""
    query = searched.query
    if not searched.findings:
        return TopCase(id=query.id, case=None, probability=0.0, scores={}, interval=None)
    best = searched.findings[0]
    return TopCase(
        id=query.id, case=best.case, probability=best.probability, scores=best.scores, interval=best.interval
    )
