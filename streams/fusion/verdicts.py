"""Verdicts that follow from the join state of a post."""

from datetime import UTC, datetime

from models.fusion.model import FusionModel
from schemas.ids import record_id
from schemas.messages import Decision, Policy, Reason, Verdict
from streams.cases.policy import RANK
from streams.fusion.join_state import JoinState
from streams.fusion.pieces import bare
from streams.fusion.rules import Rules, decided


def raised(state: JoinState, rules: Rules, reason: Reason, now_s: float, least: Decision) -> list[Verdict]:
    """Return a verdict for each case whose decision is now higher than every earlier one, and at least this."""
    verdicts = []
    for case_id in state.evidence:
        policy = rules.policies.get(case_id)
        if policy is None:
            continue
        verdict = _verdict(state, case_id, policy, rules.model, reason=reason, now_s=now_s)
        if case_id not in state.decided or RANK[verdict.decision] > RANK[state.decided[case_id]]:
            verdicts.append(verdict)
    return [verdict for verdict in verdicts if RANK[verdict.decision] >= RANK[least]]


def dismissed(state: JoinState, rules: Rules, reason: Reason, now_s: float) -> Verdict:
    """Return the verdict on a post that matches no case."""
    policy = Policy(act=1.0, review=1.0, version="none")
    return _verdict(state, None, policy, rules.model, reason=reason, now_s=now_s)


def _verdict(
    state: JoinState, case_id: str | None, policy: Policy, model: FusionModel, *, reason: Reason, now_s: float
) -> Verdict:
    evidence = state.evidence.get(case_id, []) if case_id is not None else []
    decision, judged = decided(evidence, policy, model)
    return Verdict(
        verdict_id=record_id("verdict", state.post.post_id, case_id, decision, policy.version),
        post=state.post,
        case_id=case_id,
        probability=judged.probability,
        decision=decision,
        reason=reason,
        act_at=policy.act,
        review_at=policy.review,
        policy_version=policy.version,
        evidence=[bare(piece) for piece in evidence],
        missing=state.missing(),
        decided_at=datetime.fromtimestamp(now_s, UTC),
        contributions=[*judged.contributions, *(state.looks.shortfalls() if case_id is not None else ())],
        links=state.links,
        explicit=state.explicit,
    )
