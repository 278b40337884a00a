"""Expected next step of a takedown's delivery: the delivery's own plan, over the steps that are in the log."""

from collections.abc import Iterable, Sequence

from schemas.messages import Delivery, State
from streams.delivery.after_step import RETRIES_S
from streams.delivery.plan import Step, next_step
from streams.delivery.platforms.registry import Platform
from streams.delivery.progress import Progress
from streams.desk import case_report

_BEGINS: frozenset[State] = frozenset({"issued", "reappeared", "removed", "gone_before_notice"})
"""States with which a round begins."""
_TAKEN = frozenset({"delivered", "acknowledged"})
_ESCALATION_S = 24 * 3600.0


def expected_step(
    states: Sequence[case_report.Step], steps: Iterable[Delivery], platform: Platform, *, needs_approval: bool
) -> Step | None:
    """Return what is done next and when, None if nothing is until an event comes.

    A wait that a platform has asked for is not in the log, so that a notice after a failure may come later.
    """
    begun = next((step for step in reversed(states) if step.state in _BEGINS), None)
    if begun is None:
        return None
    since_s = begun.at.timestamp()
    taken = [step for step in steps if step.kind == "approval" or step.at >= begun.at]
    return next_step(_progress(states[-1].state, since_s, taken, platform, needs_approval=needs_approval), platform)


def _progress(
    state: State, since_s: float, steps: Sequence[Delivery], platform: Platform, *, needs_approval: bool
) -> Progress:
    attempts = [step for step in steps if step.kind == "attempt"]
    sent_s = [step.at.timestamp() for step in attempts if step.outcome in _TAKEN]
    failed = list(_failed_in_a_row(attempts))
    looks = [step for step in steps if step.kind == "look"]
    counted = [step for step in looks if not sent_s or step.at.timestamp() >= sent_s[0]]
    escalated = [step.at.timestamp() for step in steps if step.kind == "escalation"]
    due_s = next((step.due_at.timestamp() for step in reversed(attempts) if step.due_at is not None), None)
    return Progress(
        state=state,
        case_id="",
        platform="",
        since=since_s,
        needs_approval=needs_approval,
        approved_by=next((step.by for step in steps if step.kind == "approval"), ""),
        dry=any(step.outcome == "dry_run" for step in attempts),
        checked=bool(looks),
        channel=_channel(attempts, platform),
        notices=len(sent_s),
        n_attempts=len(attempts),
        failures=len(failed),
        retry_at=failed[0].at.timestamp() + RETRIES_S[min(len(failed), len(RETRIES_S)) - 1] if failed else 0.0,
        first_at=sent_s[0] if sent_s else None,
        last_at=sent_s[-1] if sent_s else None,
        due_at=due_s,
        escalate_at=escalated[-1] + _ESCALATION_S if escalated else due_s,
        looked=len(counted),
        reminded=sum(step.kind == "reminder" for step in steps),
    )


def _failed_in_a_row(attempts: Sequence[Delivery]) -> Iterable[Delivery]:
    """Yield the last attempts that failed, the last one first."""
    for step in reversed(attempts):
        if step.outcome != "failed":
            return
        yield step


def _channel(attempts: Sequence[Delivery], platform: Platform) -> int:
    kinds = [channel.kind for channel in platform.channels]
    return kinds.index(attempts[-1].channel) if attempts and attempts[-1].channel in kinds else 0
