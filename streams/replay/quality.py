"""Precision and recall of a side's decisions, against reviewers' labels. Pure functions."""

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from models.metrics import confusion, wilson_interval
from schemas.messages import Decision, Label
from streams.cases.labels import DECIDING
from streams.cases.policy import RANK
from streams.replay.sides import Pair, Side

type Truth = Mapping[Pair, bool]
"""Whether a post is a copy of a case's media, of the pairs of which a reviewer is sure."""


class Ratio(msgspec.Struct, frozen=True):
    """A ratio of counts with its Wilson 95 % interval; the value is None if the denominator is 0."""

    hits: int
    of: int
    value: float | None
    low: float
    high: float


class Quality(msgspec.Struct, frozen=True):
    """Precision and recall of one kind of decision."""

    precision: Ratio
    """Share of copies among the labelled pairs with this decision."""
    recall: Ratio
    """Share of this decision among the labelled copies."""


Kind = Literal["act", "act or review"]
_LEAST: dict[Kind, Decision] = {"act": "act", "act or review": "review"}


def truth(labels: Iterable[Label], posts: frozenset[str]) -> Truth:
    """Return the labels of these posts; the last label of a pair is in force, and undecided ones are left out."""
    last = {(label.post_id, label.case_id): label.decision for label in labels if label.post_id in posts}
    return {pair: decision == "copy" for pair, decision in last.items() if decision in DECIDING}


def qualities(side: Side, labelled: Truth) -> dict[Kind, Quality]:
    """Return precision and recall of acting, and of acting or review."""
    return {kind: _quality(side, labelled, least) for kind, least in _LEAST.items()}


def ratio(hits: int, of: int) -> Ratio:
    """Return a ratio with its Wilson score interval (Wilson 1927), 95 %."""
    low, high = wilson_interval(hits, of)
    return Ratio(hits, of, hits / of if of else None, low, high)


def _quality(side: Side, labelled: Truth, least: Decision) -> Quality:
    decided = {pair for pair, verdict in side.verdicts.items() if RANK[verdict.decision] >= RANK[least]}
    hits, false_positives, missed = confusion(decided, labelled)
    return Quality(ratio(hits, hits + false_positives), ratio(hits, hits + missed))
