"""Differences between two sides: decisions gained and lost, each with its reason. Pure functions."""

from collections import Counter
from collections.abc import Iterable
from math import log1p

import msgspec

from schemas.messages import Choice, Decision, Modality, Policy
from streams.cases.policy import RANK, decide
from streams.live_models.selection import policy_text
from streams.replay.sides import BestEvidence, Pair, Side, VerdictSummary

_SAME = 1e-9


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A decision that differs."""

    post_id: str
    case_id: str
    url: str
    before: Decision
    after: Decision
    before_probability: float
    after_probability: float
    reason: str

    @property
    def gained(self) -> bool:
        """Whether the candidate decides higher."""
        return RANK[self.after] > RANK[self.before]

    @property
    def transition(self) -> str:
        """Decisions before and after, as text."""
        return f"{self.before} -> {self.after}"


def changes(before: Side, after: Side, choice: Choice) -> list[Change]:
    """Return the decisions that differ, by post and case; a case without a verdict counts as dismissed.

    Parameters
    ----------
    choice
        Models and policy of the candidate; its policy, if any, applies where the candidate has no verdict on a case.
    """
    found = []
    for pair in sorted(before.verdicts.keys() | after.verdicts.keys()):
        old, new = before.verdicts.get(pair), after.verdicts.get(pair)
        if _decision(old) != _decision(new):
            found.append(_change(pair, old, new, choice))
    return found


def count(found: Iterable[Change], *, gained: bool) -> dict[str, dict[str, int]]:
    """Return the number of decisions raised, or lowered, by transition and reason; the most frequent reason first."""
    counts: dict[str, Counter[str]] = {}
    for change in found:
        if change.gained is gained:
            counts.setdefault(change.transition, Counter())[change.reason] += 1
    return {
        transition: dict(sorted(reasons.items(), key=lambda counted: (-counted[1], counted[0])))
        for transition, reasons in sorted(counts.items())
    }


def _change(pair: Pair, old: VerdictSummary | None, new: VerdictSummary | None, choice: Choice) -> Change:
    either = new or old
    assert either is not None
    return Change(
        post_id=pair[0],
        case_id=pair[1],
        url=either.post.url,
        before=_decision(old),
        after=_decision(new),
        before_probability=_probability(old),
        after_probability=_probability(new),
        reason=reason(old, new, choice.policy),
    )


def reason(old: VerdictSummary | None, new: VerdictSummary | None, policy: Policy | None = None) -> str:
    """Return the reason of a difference, as text.

    If the old probability under the new policy leads to the new decision, the reason is the policy; otherwise the
    modality whose probability moved most in the direction of the change.
    """
    policies = [verdict.policy for verdict in (old, new) if verdict is not None]
    after = new.policy if new is not None else policy or policies[0]
    policy_differs = old is not None and (old.policy.act, old.policy.review) != (after.act, after.review)
    if old is not None and policy_differs and decide(old.probability, after) == _decision(new):
        return f"policy: {policy_text(old.policy)} -> {policy_text(after)}"
    sign = 1 if RANK[_decision(new)] > RANK[_decision(old)] else -1
    moved = {modality: sign * shift for modality, shift in _shifts(old, new).items() if sign * shift > _SAME}
    if not moved:
        return "fusion joins the same evidence otherwise"
    modality = max(sorted(moved), key=lambda name: moved[name])
    return _evidence_reason(modality, _best(old).get(modality), _best(new).get(modality))


def _evidence_reason(modality: Modality, old: BestEvidence | None, new: BestEvidence | None) -> str:
    """Return the difference in the evidence of one modality, as text."""
    if old is None or new is None:
        either = new or old
        assert either is not None
        return f"{modality}: {'evidence' if old is None else 'no more evidence'} by {either.model}"
    if old.model != new.model:
        return f"{modality}: {'higher' if new.score > old.score else 'lower'} score by {new.model} than by {old.model}"
    if abs(new.score - old.score) > _SAME:
        return f"{modality}: {'higher' if new.score > old.score else 'lower'} score"
    return f"{modality}: the same score judged {'higher' if new.probability > old.probability else 'lower'}"


def _shifts(old: VerdictSummary | None, new: VerdictSummary | None) -> dict[Modality, float]:
    """Return the change of each modality's weight -log(1 - p): noisy-or multiplies the factors 1 - p."""
    before, after = _best(old), _best(new)
    return {modality: _weight(after.get(modality)) - _weight(before.get(modality)) for modality in before | after}


def _weight(best: BestEvidence | None) -> float:
    return -log1p(-min(best.probability, 1.0 - _SAME)) if best is not None else 0.0


def _best(verdict: VerdictSummary | None) -> dict[Modality, BestEvidence]:
    return dict(verdict.best) if verdict is not None else {}


def _decision(verdict: VerdictSummary | None) -> Decision:
    return verdict.decision if verdict is not None else "dismiss"


def _probability(verdict: VerdictSummary | None) -> float:
    return verdict.probability if verdict is not None else 0.0
