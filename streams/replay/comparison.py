"""Comparison of two sides, as one value: the content of the page and of the JSON file."""

from datetime import datetime
from typing import NamedTuple

import msgspec

from schemas.messages import Label, Run
from streams.live_models.selection import choice_lines
from streams.replay.cost import Cost, Latency, cost, latency
from streams.replay.decision import Measurements, Row, Thresholds, is_go, rows
from streams.replay.differences import Change, changes, count
from streams.replay.quality import Kind, Quality, qualities, truth
from streams.replay.shift import Point, probabilities, scores
from streams.replay.sides import Side

LIVE = "live"


class CompareRequest(NamedTuple):
    """Both sides of a comparison, their runs and the labels."""

    run: Run
    against: Run | None
    """None for the live verdicts."""
    before: Side
    after: Side
    labels: list[Label] | None
    """None to compare without labels."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Result of a comparison."""

    run: str
    against: str
    at: datetime
    go: bool
    rows: list[Row]
    source: str
    choice: list[str]
    against_choice: list[str]
    posts: int
    against_posts: int
    pairs: int
    """Number of pairs of a post and a case of which either side has a verdict."""
    gained: dict[str, dict[str, int]]
    lost: dict[str, dict[str, int]]
    changes: list[Change]
    labels: int
    copies: int
    quality: dict[Kind, Quality]
    against_quality: dict[Kind, Quality]
    cost: Cost
    waiting: Latency | None
    against_waiting: Latency | None
    probabilities: list[Point]
    scores: dict[str, list[Point]]


def compare(request: CompareRequest, thresholds: Thresholds, at: datetime) -> Comparison:
    """Compare two sides; the same sides and thresholds give the same result except for its date."""
    run, against, before, after, labels = request
    found = changes(before, after, run.choice)
    labelled = truth(labels or [], after.posts | before.posts)
    old, new = qualities(before, labelled), qualities(after, labelled)
    cpu = cost(against, run)
    unlabelled = [change for change in found if (change.post_id, change.case_id) not in labelled]
    copies = [change for change in found if labelled.get((change.post_id, change.case_id))]
    measured = Measurements(
        lost_acts_on_copies=sum(change.before == "act" for change in copies) if labelled else None,
        lost_acts_without_label=sum(change.before == "act" for change in unlabelled),
        new_acts_without_label=sum(change.after == "act" for change in unlabelled),
        precision=(old["act"].precision, new["act"].precision),
        recall=(old["act"].recall, new["act"].recall),
        cpu_ratio=cpu.ratio,
        cpu_posts=min(len(before.posts), len(after.posts)),
        dead_letters=(against.dead_letters if against is not None else None, run.dead_letters),
    )
    outcomes = rows(measured, thresholds)
    return Comparison(
        run=run.run_id,
        against=before.name,
        at=at,
        go=is_go(outcomes, strict=labels is not None),
        rows=outcomes,
        source=run.source,
        choice=list(choice_lines(run.choice)),
        against_choice=list(choice_lines(against.choice)) if against is not None else [],
        posts=len(after.posts),
        against_posts=len(before.posts),
        pairs=len(before.verdicts.keys() | after.verdicts.keys()),
        gained=count(found, gained=True),
        lost=count(found, gained=False),
        changes=found,
        labels=len(labelled),
        copies=sum(labelled.values()),
        quality=new,
        against_quality=old,
        cost=cpu,
        waiting=_latency(after, run),
        against_waiting=_latency(before, against),
        probabilities=probabilities(before, after),
        scores=scores(before, after),
    )


def _latency(side: Side, run: Run | None) -> Latency | None:
    """Return the latency of a side's verdicts, None for a replay, which has the event time of its records."""
    if run is not None and run.kind == "replay":
        return None
    return latency(verdict.latency_s for verdict in side.verdicts.values() if not verdict.late)
