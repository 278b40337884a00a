"""What fusion has heard of one post so far, and what follows from it; plain values, no Kafka.

A post is complete when every part of it was heard. Before that only enough evidence to act makes a verdict; after it,
or after the deadline, or when an archived post is found by a new case, every rise does. A verdict is never lowered.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from models.fusion.model import FusionModel
from schemas.ids import record_id
from schemas.messages import (
    MODALITIES,
    Decision,
    Evidence,
    Match,
    Modality,
    Parts,
    Policy,
    PostRef,
    Reason,
    Scores,
    Verdict,
)
from streams.policy import RANK, decide

type Policies = Mapping[str, Policy]
"""Policies of the open cases, by case id; a case that is not there is closed."""


class Rules(NamedTuple):
    """What evidence is judged by."""

    model: FusionModel
    policies: Policies


_MOST_EVIDENCE = 12
"""Strongest pieces of evidence kept per case."""


class Hearing(msgspec.Struct, kw_only=True):
    """One post being heard.

    Attributes
    ----------
    heard
        Segments of each modality whose scores arrived.
    deadline_s
        When to close, seconds since the epoch; once closed, when to forget.
    trace
        Headers under which the last of it was heard, for what follows from the clock alone.
    """

    post: PostRef
    parts: Parts
    deadline_s: float
    heard: dict[Modality, set[int]] = {}
    evidence: dict[str, list[Evidence]] = {}
    decided: dict[str, Decision] = {}
    closed: bool = False
    trace: dict[str, bytes] = {}

    def hear(self, scores: Scores, rules: Rules, now_s: float) -> list[Verdict]:
        """Take in one segment's scores; hearing them twice changes nothing. Return the verdicts that follow."""
        for found in scores.matches:
            if found.case_id in rules.policies:
                self._weigh(scores, found, rules.model)
        if not scores.late:
            self.heard.setdefault(scores.modality, set()).add(scores.segment.segment)
        if not self.closed and not self.missing():
            return self._close("complete", rules, now_s)
        # An open hearing may yet hear more, so what needs a person waits for its end; what is found late has no end.
        least: Decision = "review" if scores.late or self.closed else "act"
        heard: Reason = "early" if self.missing() else "complete"
        raised = self._raised("late" if scores.late else heard, rules, now_s)
        return [verdict for verdict in raised if RANK[verdict.decision] >= RANK[least]]

    def close(self, rules: Rules, now_s: float) -> list[Verdict]:
        """Stop waiting; return the verdicts on what was heard until now."""
        return [] if self.closed else self._close("deadline", rules, now_s)

    def missing(self) -> list[Modality]:
        """Return the modalities not heard in full."""
        return [m for m in MODALITIES if len(self.heard.get(m, ())) < getattr(self.parts, m)]

    def _weigh(self, scores: Scores, found: Match, model: FusionModel) -> None:
        """Keep the strongest evidence of each modality, medium and reference."""
        kept = {_where(evidence): evidence for evidence in self.evidence.get(found.case_id, [])}
        new = _evidence(scores, found, model)
        if new.probability > kept.get(_where(new), new).probability or _where(new) not in kept:
            kept[_where(new)] = new
        self.evidence[found.case_id] = _strongest(kept.values())

    def _close(self, reason: Reason, rules: Rules, now_s: float) -> list[Verdict]:
        self.closed = True
        verdicts = self._raised(reason, rules, now_s)
        known = any(case_id in rules.policies for case_id in self.evidence)
        # Found late and heard of by no live score: the live path has said its word long ago.
        if not known and self.heard:
            policy = Policy(act=1.0, review=1.0, version="none")
            verdicts.append(self._verdict(None, policy, rules.model, reason, now_s))
        return verdicts

    def _raised(self, reason: Reason, rules: Rules, now_s: float) -> list[Verdict]:
        """Return a verdict for each case whose decision is now higher than any before."""
        verdicts = []
        for case_id in self.evidence:
            policy = rules.policies.get(case_id)
            if policy is None:
                continue
            verdict = self._verdict(case_id, policy, rules.model, reason, now_s)
            if case_id not in self.decided or RANK[verdict.decision] > RANK[self.decided[case_id]]:
                verdicts.append(verdict)
        return verdicts

    def decide(self, verdicts: list[Verdict]) -> None:
        """Remember that these verdicts were delivered."""
        for verdict in verdicts:
            if verdict.case_id is not None:
                self.decided[verdict.case_id] = verdict.decision

    def _verdict(
        self, case_id: str | None, policy: Policy, model: FusionModel, reason: Reason, now_s: float
    ) -> Verdict:
        evidence = self.evidence.get(case_id, []) if case_id is not None else []
        fused = model.fuse([(item.modality, item.probability) for item in evidence])
        decision = decide(fused, policy)
        return Verdict(
            verdict_id=record_id("verdict", self.post.post_id, case_id, decision, policy.version),
            post=self.post,
            case_id=case_id,
            probability=fused,
            decision=decision,
            reason=reason,
            act_at=policy.act,
            review_at=policy.review,
            policy_version=policy.version,
            evidence=evidence,
            missing=self.missing(),
            decided_at=datetime.fromtimestamp(now_s, UTC),
        )


def _strongest(found: Iterable[Evidence]) -> list[Evidence]:
    """Return the strongest pieces; the best of each modality is always among them, for that is what counts."""
    ranked = sorted(found, key=lambda evidence: evidence.probability, reverse=True)
    leaders = {evidence.modality: evidence for evidence in reversed(ranked)}.values()
    followers = [evidence for evidence in ranked if all(evidence is not leader for leader in leaders)]
    kept = [*leaders, *followers][:_MOST_EVIDENCE]
    return sorted(kept, key=lambda evidence: evidence.probability, reverse=True)


def _where(evidence: Evidence) -> tuple[str, int, str]:
    return evidence.modality, evidence.medium, evidence.reference_id


def _evidence(scores: Scores, found: Match, model: FusionModel) -> Evidence:
    return Evidence(
        modality=scores.modality,
        model=scores.model,
        version=scores.version,
        reference_id=found.reference_id,
        medium=scores.segment.medium,
        score=found.score,
        probability=model.probability(scores.modality, found.score, found.terms),
        query=found.query,
        reference=found.reference,
        thumbnail=found.thumbnail,
    )
