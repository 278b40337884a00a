"""All that `jikimi replay compare` has to say, as one value."""

from datetime import datetime
from typing import NamedTuple

import msgspec

from schemas.messages import Label, Run
from streams.live_models.selection import choice_lines
from streams.replay.cost import Cost, Waiting, cost, waiting
from streams.replay.decision import Measured, Row, Thresholds, goes, rows
from streams.replay.differences import Change, Side, changes, count
from streams.replay.quality import Kind, Quality, qualities, truth
from streams.replay.shift import Point, probabilities, scores

LIVE = "live"


class Asked(NamedTuple):
    """What is to be compared."""

    run: Run
    against: Run | None
    """None: with what went live."""
    before: Side
    after: Side
    labels: list[Label] | None
    """None: labels are left out."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What came out."""

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
    """Posts and cases that either side named."""
    gained: dict[str, dict[str, int]]
    lost: dict[str, dict[str, int]]
    changes: list[Change]
    labels: int
    copies: int
    quality: dict[Kind, Quality]
    against_quality: dict[Kind, Quality]
    cost: Cost
    waiting: Waiting | None
    against_waiting: Waiting | None
    probabilities: list[Point]
    scores: dict[str, list[Point]]


def compare(asked: Asked, thresholds: Thresholds, at: datetime) -> Comparison:
    """Compare two sides; the same sides and thresholds give the same but for the time it is made."""
    run, against, before, after, labels = asked
    found = changes(before, after, run.choice)
    known = truth(labels or [], after.posts | before.posts)
    old, new = qualities(before, known), qualities(after, known)
    spent = cost(against, run)
    unknown = [change for change in found if (change.post_id, change.case_id) not in known]
    copies = [change for change in found if known.get((change.post_id, change.case_id))]
    measured = Measured(
        lost_acts_on_copies=sum(change.before == "act" for change in copies) if known else None,
        lost_acts_without_label=sum(change.before == "act" for change in unknown),
        new_acts_without_label=sum(change.after == "act" for change in unknown),
        precision=(old["act"].precision, new["act"].precision),
        recall=(old["act"].recall, new["act"].recall),
        cpu_ratio=spent.ratio,
        dead_letters=(against.dead_letters if against is not None else None, run.dead_letters),
    )
    decided = rows(measured, thresholds)
    return Comparison(
        run=run.run_id,
        against=before.name,
        at=at,
        go=goes(decided, strict=labels is not None),
        rows=decided,
        source=run.source,
        choice=list(choice_lines(run.choice)),
        against_choice=list(choice_lines(against.choice)) if against is not None else [],
        posts=len(after.posts),
        against_posts=len(before.posts),
        pairs=len(before.judged.keys() | after.judged.keys()),
        gained=count(found, gained=True),
        lost=count(found, gained=False),
        changes=found,
        labels=len(known),
        copies=sum(known.values()),
        quality=new,
        against_quality=old,
        cost=spent,
        waiting=_waiting(after, run),
        against_waiting=_waiting(before, against),
        probabilities=probabilities(before, after),
        scores=scores(before, after),
    )


def _waiting(judged: Side, run: Run | None) -> Waiting | None:
    """Return how long posts waited; a replay has its records' time, in which nothing waits."""
    if run is not None and run.kind == "replay":
        return None
    return waiting(found.waited_s for found in judged.judged.values() if not found.late)
