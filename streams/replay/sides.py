"""One side of a comparison: its verdicts, reduced to the fields that are compared. Pure functions."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

import msgspec

from schemas.ids import full_name
from schemas.messages import Decision, Modality, Policy, PostRef, Verdict
from streams.cases.policy import RANK

type Pair = tuple[str, str]
"""Post id and case id."""


class BestEvidence(msgspec.Struct, frozen=True):
    """The strongest evidence of one modality."""

    model: str
    score: float
    probability: float


class VerdictSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of a verdict that are compared."""

    post: PostRef
    case_id: str | None
    probability: float
    decision: Decision
    policy: Policy
    best: Mapping[Modality, BestEvidence]
    late: bool
    """Whether a case found it that was opened after the post had passed."""
    decided_at: datetime

    @property
    def latency_s(self) -> float:
        """Seconds from the post being seen to the verdict; valid only where times are of the wall clock."""
        return (self.decided_at - self.post.seen_at).total_seconds()


class Side(NamedTuple):
    """All decisions of one side."""

    name: str
    posts: frozenset[str]
    """Posts with a verdict."""
    verdicts: Mapping[Pair, VerdictSummary]
    """The first verdict with the highest decision on each post and case."""


def summary(verdict: Verdict) -> VerdictSummary:
    """Return the fields of a verdict that are compared, without pictures."""
    best: dict[Modality, BestEvidence] = {}
    for evidence in verdict.evidence:
        strongest = best.get(evidence.modality)
        if strongest is None or evidence.probability > strongest.probability:
            model = full_name(evidence.model, evidence.version)
            best[evidence.modality] = BestEvidence(model, evidence.score, evidence.probability)
    return VerdictSummary(
        post=verdict.post,
        case_id=verdict.case_id,
        probability=verdict.probability,
        decision=verdict.decision,
        policy=Policy(act=verdict.act_at, review=verdict.review_at, version=verdict.policy_version),
        best=best,
        late=verdict.reason == "late",
        decided_at=verdict.decided_at,
    )


def side(name: str, summaries: Iterable[VerdictSummary], posts: frozenset[str] | None = None) -> Side:
    """Return the decisions of one side on these posts, or on all.

    The highest verdict counts because a verdict is only ever raised; of equal ones the first, which the others repeat.
    """
    verdicts: dict[Pair, VerdictSummary] = {}
    with_verdict: set[str] = set()
    for verdict in summaries:
        post_id = verdict.post.post_id
        if posts is not None and post_id not in posts:
            continue
        with_verdict.add(post_id)
        if verdict.case_id is None:
            continue
        highest = verdicts.get((post_id, verdict.case_id))
        if highest is None or RANK[verdict.decision] > RANK[highest.decision]:
            verdicts[post_id, verdict.case_id] = verdict
    return Side(name, frozenset(with_verdict), verdicts)


def of_cases(side: Side, cases: Collection[str]) -> Side:
    """Return a side with the verdicts on these cases: one on a case that was withdrawn since would be lost for good."""
    return side._replace(verdicts={pair: verdict for pair, verdict in side.verdicts.items() if pair[1] in cases})
