"""How right a side's decisions are, where reviewers have said what is a copy. Pure functions."""

from collections.abc import Iterable, Mapping
from math import sqrt
from statistics import NormalDist
from typing import Literal

import msgspec

from schemas.messages import Decision, Label
from streams.cases.policy import RANK
from streams.replay.differences import Pair, Side

type Truth = Mapping[Pair, bool]
"""Whether a post is a copy of a case's media, where a reviewer was sure."""

_Z = NormalDist().inv_cdf(0.975)


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
    if of == 0:
        return Ratio(0, 0, None, 0.0, 1.0)
    share, spread = hits / of, _Z * _Z / of
    middle = (share + spread / 2) / (1 + spread)
    half = _Z * sqrt(share * (1 - share) / of + spread / (4 * of)) / (1 + spread)
    # Exact at the ends, where rounding would leave a little more or less.
    return Ratio(hits, of, share, middle - half if hits else 0.0, middle + half if hits < of else 1.0)


def _quality(judged: Side, known: Truth, least: Decision) -> Quality:
    decided = {pair for pair, found in judged.judged.items() if RANK[found.decision] >= RANK[least]}
    copies = {pair for pair, copy in known.items() if copy}
    hits = len(decided & copies)
    return Quality(ratio(hits, len(decided & known.keys())), ratio(hits, len(copies)))
