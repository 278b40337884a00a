"""Rules of fusion: the model and the policies that turn evidence into decisions."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from models.fusion.model import VOICE, FusionModel, Judgement
from schemas.messages import Decision, Evidence, Policy
from streams.cases.policy import decide

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


def decided(evidence: Sequence[Evidence], policy: Policy, model: FusionModel) -> tuple[Decision, Judgement]:
    """Return the decision, but `review` for an act that only a voice makes: voices are too alike for one."""
    judged = model.judge(evidence)
    decision = decide(judged.probability, policy)
    if decision != "act":
        return decision, judged
    others = [piece for piece in evidence if str(piece.modality) != VOICE]
    return decision if decide(model.judge(others).probability, policy) == "act" else "review", judged


def perhaps[E: Evidence](
    evidence: Mapping[str, Sequence[E]], so_far: Mapping[str, Decision], rules: Rules
) -> Iterable[Sequence[E]]:
    """Return the evidence of each case to look at again, the likeliest first; none where a takedown is issued."""
    if rules.look_at is None:
        return []
    found = []
    for case_id, pieces in evidence.items():
        policy = rules.policies.get(case_id)
        if policy is not None and not policy.review_only and so_far.get(case_id) != "act":
            decision, judged = decided(pieces, policy, rules.model)
            if decision != "act" and judged.probability >= rules.look_at:
                found.append((-judged.probability, case_id))
    return [evidence[case_id] for _, case_id in sorted(found)]
