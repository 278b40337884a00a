"""How a run's verdicts differ from others on the same posts: what was gained and lost, and why. Pure functions."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from math import log1p
from typing import NamedTuple

import msgspec

from schemas.messages import Choice, Decision, Modality, Policy, PostRef, Verdict
from streams.cases.policy import RANK, decide
from streams.live_models.selection import policy_text

type Pair = tuple[str, str]
"""Post id and case id."""

_SAME = 1e-9


class Best(msgspec.Struct, frozen=True):
    """The strongest evidence of one modality."""

    model: str
    score: float
    probability: float


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What is compared of a verdict."""

    post: PostRef
    case_id: str | None
    probability: float
    decision: Decision
    policy: Policy
    best: Mapping[Modality, Best]
    late: bool
    """Found by a case that was opened after the post had passed."""
    decided_at: datetime

    @property
    def waited_s(self) -> float:
        """Seconds from the post being seen to the verdict; means something only where time is the wall's."""
        return (self.decided_at - self.post.seen_at).total_seconds()


class Side(NamedTuple):
    """All that one side decided."""

    name: str
    posts: frozenset[str]
    """Posts that it judged."""
    judged: Mapping[Pair, Judgement]
    """The highest decision on each post and case, as it was first made."""


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
        """Whether the candidate does more."""
        return RANK[self.after] > RANK[self.before]

    @property
    def transition(self) -> str:
        """Both decisions, in words."""
        return f"{self.before} -> {self.after}"


def judgement(verdict: Verdict) -> Judgement:
    """Return what is compared of a verdict; the pictures stay behind."""
    best: dict[Modality, Best] = {}
    for evidence in verdict.evidence:
        known = best.get(evidence.modality)
        if known is None or evidence.probability > known.probability:
            model = f"{evidence.model}@{evidence.version}"
            best[evidence.modality] = Best(model, evidence.score, evidence.probability)
    return Judgement(
        post=verdict.post,
        case_id=verdict.case_id,
        probability=verdict.probability,
        decision=verdict.decision,
        policy=Policy(act=verdict.act_at, review=verdict.review_at, version=verdict.policy_version),
        best=best,
        late=verdict.reason == "late",
        decided_at=verdict.decided_at,
    )


def side(name: str, judgements: Iterable[Judgement], posts: frozenset[str] | None = None) -> Side:
    """Return what one side decided, of these posts or of all.

    A verdict is only ever raised, so the highest one stands; of several equal ones the first, for the others repeat it.
    """
    judged: dict[Pair, Judgement] = {}
    seen: set[str] = set()
    for found in judgements:
        post_id = found.post.post_id
        if posts is not None and post_id not in posts:
            continue
        seen.add(post_id)
        if found.case_id is None:
            continue
        known = judged.get((post_id, found.case_id))
        if known is None or RANK[found.decision] > RANK[known.decision]:
            judged[post_id, found.case_id] = found
    return Side(name, frozenset(seen), judged)


def changes(before: Side, after: Side, choice: Choice) -> list[Change]:
    """Return the decisions that differ, by post and case; a case that was not named is dismissed.

    Parameters
    ----------
    choice
        The candidate's; its policy, if it has one, stands where the candidate names no case.
    """
    found = []
    for pair in sorted(before.judged.keys() | after.judged.keys()):
        old, new = before.judged.get(pair), after.judged.get(pair)
        if _decision(old) != _decision(new):
            found.append(_change(pair, old, new, choice))
    return found


def count(found: Iterable[Change], *, gained: bool) -> dict[str, dict[str, int]]:
    """Return how many decisions went up, or down, by transition and reason; the most frequent first."""
    counts: dict[str, Counter[str]] = {}
    for change in found:
        if change.gained is gained:
            counts.setdefault(change.transition, Counter())[change.reason] += 1
    return {transition: dict(_ranked(reasons)) for transition, reasons in sorted(counts.items())}


def _ranked(reasons: Counter[str]) -> list[tuple[str, int]]:
    return sorted(reasons.items(), key=lambda counted: (-counted[1], counted[0]))


def _change(pair: Pair, old: Judgement | None, new: Judgement | None, choice: Choice) -> Change:
    known = new or old
    assert known is not None
    return Change(
        post_id=pair[0],
        case_id=pair[1],
        url=known.post.url,
        before=_decision(old),
        after=_decision(new),
        before_probability=_probability(old),
        after_probability=_probability(new),
        reason=reason(old, new, choice.policy),
    )


def reason(old: Judgement | None, new: Judgement | None, policy: Policy | None = None) -> str:
    """Return in words what made the difference.

    If the old probability under the new policy leads to the new decision, the policy did; else the modality whose
    probability moved most in the direction of the change.
    """
    policies = [judged.policy for judged in (old, new) if judged is not None]
    after = new.policy if new is not None else policy or policies[0]
    if old is not None and not _same_policy(old.policy, after) and decide(old.probability, after) == _decision(new):
        return f"policy: {policy_text(old.policy)} -> {policy_text(after)}"
    sign = 1 if RANK[_decision(new)] > RANK[_decision(old)] else -1
    moved = {modality: sign * shift for modality, shift in _shifts(old, new).items() if sign * shift > _SAME}
    if not moved:
        return "fusion joins the same evidence otherwise"
    modality = max(sorted(moved), key=lambda name: moved[name])
    return _words(modality, _best(old).get(modality), _best(new).get(modality))


def _words(modality: Modality, old: Best | None, new: Best | None) -> str:
    """Return how the evidence of one modality differs."""
    if old is None or new is None:
        known = new or old
        assert known is not None
        return f"{modality}: {'evidence' if old is None else 'no more evidence'} by {known.model}"
    if old.model != new.model:
        return f"{modality}: {'higher' if new.score > old.score else 'lower'} score by {new.model} than by {old.model}"
    if abs(new.score - old.score) > _SAME:
        return f"{modality}: {'higher' if new.score > old.score else 'lower'} score"
    return f"{modality}: the same score judged {'higher' if new.probability > old.probability else 'lower'}"


def _shifts(old: Judgement | None, new: Judgement | None) -> dict[Modality, float]:
    """Return how much surer of a copy each modality has become: noisy-or multiplies what each one spares."""
    before, after = _best(old), _best(new)
    return {modality: _weight(after.get(modality)) - _weight(before.get(modality)) for modality in before | after}


def _weight(best: Best | None) -> float:
    return -log1p(-min(best.probability, 1.0 - _SAME)) if best is not None else 0.0


def _best(judged: Judgement | None) -> dict[Modality, Best]:
    return dict(judged.best) if judged is not None else {}


def _same_policy(one: Policy, other: Policy) -> bool:
    return (one.act, one.review) == (other.act, other.review)


def _decision(judged: Judgement | None) -> Decision:
    return judged.decision if judged is not None else "dismiss"


def _probability(judged: Judgement | None) -> float:
    return judged.probability if judged is not None else 0.0
