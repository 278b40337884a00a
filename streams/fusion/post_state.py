"""Join state of one post, and the verdicts that follow from it; plain values, no Kafka.

A post is complete when the scores of all its parts have arrived. Before that, only enough evidence to act makes a
verdict. Once it is complete, or after its deadline, or when a new case finds an archived post, every higher decision
does. A decision is never lowered.

A case that is found perhaps, below the threshold to act, is looked at again, see looks.py. The post stays open until
the answers or its deadline come.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from models.fusion.model import VOICE, FusionModel, Judgement
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
    Segment,
    Verdict,
)
from streams.cases.policy import RANK, decide
from streams.fusion.looks import Looks

type Policies = Mapping[str, Policy]
"""Policies of the open cases, by case id; a case that is not there is closed."""


class Rules(NamedTuple):
    """The model and the policies that turn evidence into decisions.

    Attributes
    ----------
    look_at
        Probability from which a case is looked at again; None if none is.
    """

    model: FusionModel
    policies: Policies
    look_at: float | None = None


class Piece(Evidence, frozen=True, kw_only=True):
    """A piece of evidence, and the number of the look that has found it; 0 in the first pass."""

    look: int = 0


_MAX_EVIDENCE = 12
"""Strongest pieces of evidence kept per case."""
_MAX_CASES, _MAX_PIECES = 80, 200
"""Cases and pieces of evidence kept per post: with thumbnails well below the largest record of the state."""
_MAX_PASSAGES = 8
"""Best stretches kept of a piece."""
_SAME_OFFSET_S = 10.0
"""Difference in offset between post and reference within which two matches are at one place."""
_MAX_LINKS = 32
"""Kept per post, the first in the alphabet, so that the result does not depend on the order of its segments."""


class PostState(msgspec.Struct, kw_only=True, rename={"arrived": "heard"}):  # as earlier versions wrote it
    """Join state of one post.

    Attributes
    ----------
    arrived
        Numbers of the segments whose scores have arrived, by modality.
    deadline_s
        When to close the post, seconds since the epoch; once closed, when to evict its state.
    trace
        Trace headers of the last record, for the verdicts that a deadline brings.
    links
        Addresses and handles in the post.
    explicit
        Highest rating of how explicit its segments are; None where none was rated.
    looks
        Second looks at it.
    """

    post: PostRef
    parts: Parts
    deadline_s: float
    arrived: dict[Modality, set[int]] = {}
    evidence: dict[str, list[Piece]] = {}
    decided: dict[str, Decision] = {}
    closed: bool = False
    trace: dict[str, bytes] = {}
    links: list[str] = []
    explicit: float | None = None
    looks: Looks = msgspec.field(default_factory=Looks)

    def add(self, scores: Scores, rules: Rules, now_s: float) -> list[Verdict]:
        """Add one segment's scores and return the verdicts that follow; adding them again changes nothing."""
        self.looks.see(scores)
        self._drop_replaced()
        for case_id in dict.fromkeys(found.case_id for found in scores.matches):
            if case_id in rules.policies:
                found = (_piece(scores, each, rules.model) for each in scores.matches if each.case_id == case_id)
                self._add_evidence(case_id, self._not_replaced(found), rules.model)
        self._limit_evidence()
        # Links and rating are for reviewers only and take no part in the decision.
        self.links = sorted({*self.links, *scores.links})[:_MAX_LINKS]
        if scores.explicit is not None:
            self.explicit = max(scores.explicit, self.explicit or 0.0)
        if not (scores.late or scores.look):
            self.arrived.setdefault(scores.modality, set()).add(scores.segment.segment)
            if self.parts.pending and not scores.segment.parts.pending:
                self.parts = scores.segment.parts
        # Where looks are on, a late score of a post that is still arriving waits for it: its media are not known yet.
        is_arriving = rules.look_at is not None and not self.closed and bool(self.arrived)
        is_late = (scores.late or scores.look in self.looks.late) and not is_arriving
        if self.closed or self.is_complete or is_late:
            self._ask(scores.segment, rules, now_s, late=is_late)
        if self.is_complete and not self.closed and not self.looks.is_waiting:
            return self._close("complete", rules, now_s)
        # While a post is open more scores may come, so a review waits until it is closed. Late scores wait for nothing
        # but their looks.
        least: Decision = "review" if (is_late or self.closed) and not self.looks.is_waiting else "act"
        in_time: Reason = "complete" if self.is_complete else "early"
        return self._raised("late" if is_late else in_time, rules, now_s, least)

    def close(self, rules: Rules, now_s: float) -> list[Verdict]:
        """Close the post at its deadline; return the verdicts on the scores and looks that have arrived."""
        if self.is_settled:
            return []
        self.looks.give_up()
        # One that was closed before has waited for looks at what late scores have found.
        return self._raised("late", rules, now_s, "review") if self.closed else self._close("deadline", rules, now_s)

    @property
    def is_settled(self) -> bool:
        """True if the post is closed and no answer to a look is waited for."""
        return self.closed and not self.looks.is_waiting

    @property
    def is_complete(self) -> bool:
        """True if the numbers of the parts are final and the scores of all of them have arrived."""
        return not self.parts.pending and not self.missing()

    def missing(self) -> list[Modality]:
        """Return the modalities of which scores are missing."""
        return [m for m in EVERY_MODALITY if len(self.arrived.get(m, ())) < getattr(self.parts, m)]

    def mark_delivered(self, verdicts: list[Verdict]) -> None:
        """Record the decisions of delivered verdicts: only a higher decision makes another verdict."""
        for verdict in verdicts:
            if verdict.case_id is not None:
                self.decided[verdict.case_id] = verdict.decision

    def _ask(self, whole: Segment, rules: Rules, now_s: float, *, late: bool) -> None:
        """Ask for second looks at what is found perhaps, the likeliest case first; not where a takedown is issued."""
        if rules.look_at is None:
            return
        perhaps = []
        for case_id, pieces in self.evidence.items():
            if (policy := rules.policies.get(case_id)) and self.decided.get(case_id) != "act":
                decision, judged = _decided(pieces, policy, rules.model)
                if decision != "act" and judged.probability >= rules.look_at:
                    perhaps.append((-judged.probability, case_id))
        whole = msgspec.structs.replace(whole, parts=self.parts)
        cases = (self.evidence[case_id] for _, case_id in sorted(perhaps))
        self.looks.ask(cases, whole, datetime.fromtimestamp(now_s, UTC), late=late)

    def _drop_replaced(self) -> None:
        """Drop the first pass's evidence where a look has seen more, and cases of which nothing else was found."""
        if not self.looks.answers:
            return
        for case_id, pieces in list(self.evidence.items()):
            self.evidence[case_id] = self._not_replaced(pieces)
            if not self.evidence[case_id]:
                del self.evidence[case_id]

    def _not_replaced(self, pieces: Iterable[Piece]) -> list[Piece]:
        return [piece for piece in pieces if piece.look or not self.looks.replaces(piece)]

    def _add_evidence(self, case_id: str, pieces: Iterable[Piece], model: FusionModel) -> None:
        """Keep the strongest evidence of each modality and place, and all evidence that counts in the probability."""
        known = self.evidence.get(case_id, [])
        found = [*known, *(piece for piece in pieces if piece not in known)]
        if not found:
            return
        counted: Sequence[Evidence] = model.judge(found).counted
        strongest = {_where(piece): piece for piece in sorted(found, key=_strength)}.values()
        kept = [piece for piece in found if _among(piece, counted) or _among(piece, strongest)]
        self.evidence[case_id] = _strongest(kept, counted)

    def _limit_evidence(self) -> None:
        """Keep the cases with the strongest pieces: all evidence of the first ones, one piece of the others."""
        if len(self.evidence) <= _MAX_CASES and sum(map(len, self.evidence.values())) <= _MAX_PIECES:
            return
        ranked = sorted(self.evidence.items(), key=lambda found: (-found[1][0].probability, found[0]))[:_MAX_CASES]
        spare = _MAX_PIECES - len(ranked)
        self.evidence = {}
        for case_id, pieces in ranked:
            self.evidence[case_id] = pieces[: 1 + spare]
            spare -= len(self.evidence[case_id]) - 1

    def _close(self, reason: Reason, rules: Rules, now_s: float) -> list[Verdict]:
        self.closed = True
        verdicts = self._raised(reason, rules, now_s, "dismiss")
        matched = any(case_id in rules.policies for case_id in self.evidence)
        # State that late scores alone have made is of a post whose live verdict was delivered long ago.
        if not matched and self.arrived and not self.decided:  # a look may have replaced what was acted on
            policy = Policy(act=1.0, review=1.0, version="none")
            verdicts.append(self._verdict(None, policy, rules.model, reason, now_s))
        return verdicts

    def _raised(self, reason: Reason, rules: Rules, now_s: float, least: Decision) -> list[Verdict]:
        """Return a verdict for each case whose decision is now higher than every earlier one, and at least this."""
        verdicts = []
        for case_id in self.evidence:
            policy = rules.policies.get(case_id)
            if policy is None:
                continue
            verdict = self._verdict(case_id, policy, rules.model, reason, now_s)
            if case_id not in self.decided or RANK[verdict.decision] > RANK[self.decided[case_id]]:
                verdicts.append(verdict)
        return [verdict for verdict in verdicts if RANK[verdict.decision] >= RANK[least]]

    def _verdict(
        self, case_id: str | None, policy: Policy, model: FusionModel, reason: Reason, now_s: float
    ) -> Verdict:
        evidence = self.evidence.get(case_id, []) if case_id is not None else []
        decision, judged = _decided(evidence, policy, model)
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
            evidence=[_bare(piece) for piece in evidence],
            missing=self.missing(),
            decided_at=datetime.fromtimestamp(now_s, UTC),
            contributions=[*judged.contributions, *(self.looks.shortfalls() if case_id is not None else ())],
            links=self.links,
            explicit=self.explicit,
        )


def _decided(evidence: Sequence[Evidence], policy: Policy, model: FusionModel) -> tuple[Decision, Judgement]:
    """Return the decision, but `review` for an act that only a voice makes: voices are too alike for one."""
    judged = model.judge(evidence)
    decision = decide(judged.probability, policy)
    if decision != "act":
        return decision, judged
    others = [piece for piece in evidence if str(piece.modality) != VOICE]
    return decision if decide(model.judge(others).probability, policy) == "act" else "review", judged


def _strongest(found: Iterable[Piece], counted: Sequence[Evidence]) -> list[Piece]:
    """Return the strongest pieces; those that count in the probability are always among them."""
    ranked = sorted(found, key=_strength, reverse=True)
    leaders = [piece for piece in ranked if _among(piece, counted)]
    followers = [piece for piece in ranked if not _among(piece, counted)]
    return sorted([*leaders, *followers][:_MAX_EVIDENCE], key=_strength, reverse=True)


def _among(piece: Evidence, pieces: Iterable[Evidence]) -> bool:
    return any(piece is other for other in pieces)


def _strength(evidence: Evidence) -> tuple[float, float, float, str, int]:
    """Return the sort key of a piece, which leaves no ties to the order in which pieces arrived."""
    return evidence.probability, evidence.score, -evidence.query.start_s, evidence.reference_id, -evidence.medium


def _where(evidence: Evidence) -> tuple[str, int, str, int]:
    """Return the place of a piece: modality, medium, reference and rounded offset between post and reference.

    The strongest piece of each place is kept, because sound that arrives later may agree with any of them.
    """
    offset_s = evidence.reference.start_s - evidence.query.start_s
    return evidence.modality, evidence.medium, evidence.reference_id, round(offset_s / _SAME_OFFSET_S)


def evidence_of(scores: Scores, found: Match, model: FusionModel) -> Evidence:
    """Return the evidence that a match in a segment's scores adds."""
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
        passages=found.passages[:_MAX_PASSAGES],
    )
    return msgspec.structs.replace(evidence, probability=model.alone(evidence))


def _piece(scores: Scores, found: Match, model: FusionModel) -> Piece:
    return Piece(**_fields(evidence_of(scores, found, model)), look=scores.look)


def _bare(piece: Evidence) -> Evidence:
    """Return a piece as verdicts carry it."""
    return Evidence(**_fields(piece))


def _fields(piece: Evidence) -> dict[str, Any]:
    return {name: getattr(piece, name) for name in Evidence.__struct_fields__}
