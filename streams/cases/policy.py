"""Decision on a probability under a case's policy."""

from schemas.messages import Decision, Policy

RANK: dict[Decision, int] = {"dismiss": 0, "review": 1, "act": 2}
"""Rank of a decision; a verdict is only ever raised."""


def decide(probability: float, policy: Policy) -> Decision:
    """Return the policy's decision on this probability."""
    if probability >= policy.act and not policy.review_only:
        return "act"
    return "review" if probability >= policy.review else "dismiss"


def policy_version(act: float, review: float, *, approve: bool = False) -> str:
    """Return a version that changes whenever a threshold does, or whether a person approves notices."""
    return f"act={act!r},review={review!r}{',approve' if approve else ''}"
