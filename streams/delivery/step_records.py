"""Records of the steps of a delivery."""

from datetime import UTC, datetime

import msgspec

from schemas.ids import record_id
from schemas.messages import Delivery, DeliveryKind, DeliveryOutcome, Notice, Takedown
from streams.delivery.channels.channel import Answer
from streams.delivery.looks.look import Finding
from streams.delivery.progress import Progress
from streams.secrets.redaction import masked


def step_id(takedown_id: str, kind: DeliveryKind, progress: Progress, number: int) -> str:
    """Return the id of a step, the same when it is repeated after a crash; an attempt's is its idempotency key."""
    return record_id("delivery", takedown_id, kind, round(progress.since * 1_000_000), number)


def attempt(  # noqa: PLR0917 - what there is to record
    last: Takedown, progress: Progress, channel: str, answer: Answer, notice: Notice | None, now: float
) -> Delivery:
    """Return the record of an attempt to send a notice."""
    taken = _taken(last, progress, "attempt", "failed", progress.n_attempts + 1, now)
    return msgspec.structs.replace(
        taken,
        outcome=answer.outcome,
        channel=channel,
        address=answer.address,
        status=answer.status,
        error=masked(answer.error),
        receipt=masked(answer.receipt),
        answer_hash=answer.answer_hash,
        detail=masked(answer.detail),
        idempotency_key=taken.delivery_id,
        notice=notice,
    )


def dry_run(last: Takedown, progress: Progress, channel: str, notice: Notice, now: float) -> Delivery:
    """Return the record of a notice that was written and not sent."""
    taken = _taken(last, progress, "attempt", "dry_run", progress.n_attempts + 1, now)
    return msgspec.structs.replace(taken, channel=channel, idempotency_key=taken.delivery_id, notice=notice)


def look(last: Takedown, progress: Progress, finding: Finding, now: float) -> Delivery:
    """Return the record of a look."""
    return msgspec.structs.replace(
        _taken(last, progress, "look", finding.outcome, progress.n_looks + 1, now),
        channel=finding.method,
        address=finding.address,
        status=finding.status,
        error=masked(finding.error),
        answer_hash=finding.answer_hash,
        detail=masked(finding.detail),
    )


def reminder(last: Takedown, progress: Progress, detail: str, now: float) -> Delivery:
    """Return the record of a reminder to persons."""
    taken = _taken(last, progress, "reminder", "due", progress.n_reminders + 1, now)
    return msgspec.structs.replace(taken, detail=detail)


def escalation(last: Takedown, progress: Progress, channel: str, detail: str, now: float) -> Delivery:
    """Return the record of a change to the next channel."""
    taken = _taken(last, progress, "escalation", "due", progress.n_escalations + 1, now)
    return msgspec.structs.replace(taken, channel=channel, detail=detail)


def _taken(  # noqa: PLR0917 - the fields of every step
    last: Takedown, progress: Progress, kind: DeliveryKind, outcome: DeliveryOutcome, number: int, now: float
) -> Delivery:
    return Delivery(
        delivery_id=step_id(last.takedown_id, kind, progress, number),
        takedown_id=last.takedown_id,
        case_id=last.case_id,
        kind=kind,
        outcome=outcome,
        number=number,
        at=datetime.fromtimestamp(now, UTC),
        due_at=progress.due,
    )
