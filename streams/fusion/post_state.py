"""What fusion has heard of one post so far, and what follows from it; plain values, no Kafka.

A post is complete when every part of it was heard. Before that only enough evidence to act makes a verdict; after it,
or after the deadline, or when an archived post is found by a new case, every rise does. A verdict is never lowered.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from models.fusion.model import VOICE, FusionModel
from schemas.ids import record_id
from schemas.messages import (
    EVERY_MODALITY,
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
from streams.cases.policy import RANK, decide

type Policies = Mapping[str, Policy]
"""Policies of the open cases, by case id; a case that is not there is closed."""


class Rules(NamedTuple):
    """What evidence is judged by."""

    model: FusionModel
    policies: Policies


_MOST_EVIDENCE = 12
"""Strongest pieces of evidence kept per case."""
_MOST_PASSAGES = 8
"""Best stretches kept of a piece."""
_SAME_OFFSET_S = 10.0
"""Between post and reference, to count as one place."""
_MOST_LINKS = 32
"""Kept per post, the first in the alphabet, so that the order of its segments says nothing."""


class PostState(msgspec.Struct, kw_only=True):
    """One post being heard.

    Attributes
    ----------
    heard
        Segments of each modality whose scores arrived.
    deadline_s
        When to close, seconds since the epoch; once closed, when to forget.
    trace
        Headers under which the last of it was heard, for what follows from the clock alone.
    links
        Addresses and handles that the post shows or writes.
    explicit
        How explicit its pictures seem, the highest of its segments; None where nobody looked.
    """

    post: PostRef
    parts: Parts
    deadline_s: float
    heard: dict[Modality, set[int]] = {}
    evidence: dict[str, list[Evidence]] = {}
    decided: dict[str, Decision] = {}
    closed: bool = False
    trace: dict[str, bytes] = {}
    links: list[str] = []
    explicit: float | None = None

    def hear(self, scores: Scores, rules: Rules, now_s: float) -> list[Verdict]:
        """Take in one segment's scores; hearing them twice changes nothing. Return the verdicts that follow."""
        for case_id in dict.fromkeys(found.case_id for found in scores.matches):
            if case_id in rules.policies:
                self._weigh(case_id, _pieces(scores, case_id, rules.model), rules.model)
        self._note(scores)
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
        return [m for m in EVERY_MODALITY if len(self.heard.get(m, ())) < getattr(self.parts, m)]

    def _weigh(self, case_id: str, pieces: Iterable[Evidence], model: FusionModel) -> None:
        """Keep the strongest evidence of each modality and place, and all that the judgement rests on."""
        known = self.evidence.get(case_id, [])
        found = [*known, *(piece for piece in pieces if piece not in known)]
        counted = model.judge(found).counted
        strongest = {_where(piece): piece for piece in sorted(found, key=_strength)}.values()
        kept = [piece for piece in found if _among(piece, counted) or _among(piece, strongest)]
        self.evidence[case_id] = _strongest(kept, counted)

    def _note(self, scores: Scores) -> None:
        """Keep what a reviewer wants to know of the post and nothing is decided by."""
        self.links = sorted({*self.links, *scores.links})[:_MOST_LINKS]
        if scores.explicit is not None:
            self.explicit = max(scores.explicit, self.explicit or 0.0)

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
        judged = model.judge(evidence)
        decision = _capped(decide(judged.probability, policy), evidence, policy, model)
        return Verdict(
            verdict_id=record_id("verdict", self.post.post_id, case_id, decision, policy.version),
            post=self.post,
            case_id=case_id,
            probability=judged.probability,
            decision=decision,
            reason=reason,
            act_at=policy.act,
            review_at=policy.review,
            policy_version=policy.version,
            evidence=evidence,
            missing=self.missing(),
            decided_at=datetime.fromtimestamp(now_s, UTC),
            contributions=judged.contributions,
            links=self.links,
            explicit=self.explicit,
        )


def _capped(decision: Decision, evidence: list[Evidence], policy: Policy, model: FusionModel) -> Decision:
    """Return the decision, but no act that a voice made: people sound alike, under whatever policy."""
    if decision != "act":
        return decision
    others = [piece for piece in evidence if str(piece.modality) != VOICE]
    return decision if decide(model.judge(others).probability, policy) == "act" else "review"


def _strongest(found: Iterable[Evidence], counted: list[Evidence]) -> list[Evidence]:
    """Return the strongest pieces; what the judgement rests on is always among them."""
    ranked = sorted(found, key=_strength, reverse=True)
    leaders = [piece for piece in ranked if _among(piece, counted)]
    followers = [piece for piece in ranked if not _among(piece, counted)]
    return sorted([*leaders, *followers][:_MOST_EVIDENCE], key=_strength, reverse=True)


def _among(piece: Evidence, pieces: Iterable[Evidence]) -> bool:
    return any(piece is other for other in pieces)


def _strength(evidence: Evidence) -> tuple[float, float, float, str, int]:
    """Return what to sort by, so that the order in which equally strong pieces were heard says nothing."""
    return evidence.probability, evidence.score, -evidence.query.start_s, evidence.reference_id, -evidence.medium


def _where(evidence: Evidence) -> tuple[str, int, str, int]:
    """Return the place of which the strongest piece is kept; what is found elsewhere in the reference is another one.

    Pictures that nothing is found beside yet may be the ones that a sound heard later agrees with.
    """
    offset_s = evidence.reference.start_s - evidence.query.start_s
    return evidence.modality, evidence.medium, evidence.reference_id, round(offset_s / _SAME_OFFSET_S)


def _pieces(scores: Scores, case_id: str, model: FusionModel) -> Iterable[Evidence]:
    return (evidence_of(scores, found, model) for found in scores.matches if found.case_id == case_id)


def evidence_of(scores: Scores, found: Match, model: FusionModel) -> Evidence:
    """Return what a match in a segment's scores adds, as it is kept and judged."""
    evidence = Evidence(
        modality=scores.modality,
        model=scores.model,
        version=scores.version,
        reference_id=found.reference_id,
        medium=scores.segment.medium,
        score=found.score,
        probability=0.0,
        query=found.query,
        reference=found.reference,
        thumbnail=found.thumbnail,
        terms=found.terms,
        passages=found.passages[:_MOST_PASSAGES],
    )
    return msgspec.structs.replace(evidence, probability=model.alone(evidence))
