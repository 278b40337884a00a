"""How right a side's decisions are, where reviewers have said what is a copy. Pure functions."""

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from models.metrics import confusion, wilson_interval
from schemas.messages import Decision, Label
from streams.cases.policy import RANK
from streams.replay.differences import Pair, Side

type Truth = Mapping[Pair, bool]
"""Whether a post is a copy of a case's media, where a reviewer was sure."""


class Ratio(msgspec.Struct, frozen=True):
    """A share of counted things, with its Wilson 95 % interval; of nothing there is no share."""

    hits: int
    of: int
    value: float | None
    low: float
    high: float


class Quality(msgspec.Struct, frozen=True):
    """Precision and recall of one kind of decision."""

    precision: Ratio
    """Of the labelled pairs so decided, how many are copies."""
    recall: Ratio
    """Of the labelled copies, how many were so decided."""


Kind = Literal["act", "act or review"]
_LEAST: dict[Kind, Decision] = {"act": "act", "act or review": "review"}


def truth(labels: Iterable[Label], posts: frozenset[str]) -> Truth:
    """Return what is known of these posts; of several labels the last stands, unsure ones say nothing."""
    last = {(label.post_id, label.case_id): label.decision for label in labels if label.post_id in posts}
    return {pair: decision == "copy" for pair, decision in last.items() if decision != "unsure"}


def qualities(judged: Side, known: Truth) -> dict[Kind, Quality]:
    """Return precision and recall of acting, and of acting or asking a person."""
    return {kind: _quality(judged, known, least) for kind, least in _LEAST.items()}


def ratio(hits: int, of: int) -> Ratio:
    """Return a share with its Wilson score interval (Wilson 1927), 95 %."""
    low, high = wilson_interval(hits, of)
    return Ratio(hits, of, hits / of if of else None, low, high)


def _quality(judged: Side, known: Truth, least: Decision) -> Quality:
    decided = {pair for pair, found in judged.judged.items() if RANK[found.decision] >= RANK[least]}
    hits, false_positives, missed = confusion(decided, known)
    return Quality(ratio(hits, hits + false_positives), ratio(hits, hits + missed))
