"""verdicts, cases, standings -> takedowns: issue one takedown per verdict to act, or hold it under quarantine."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

from schemas.ids import record_id
from schemas.messages import State, Takedown, Verdict
from streams.engine.app import Context
from streams.engine.record import Output, Record
from streams.takedown.log import TakedownLog, chained
from streams.takedown.quarantine import Fate, Quarantine
from streams.telemetry import metrics

_MAY_FOLLOW: dict[State | None, set[State]] = {
    None: {"issued", "held"},
    "withdrawn": {"issued", "held"},
    "held": {"issued"},
}
"""States that a verdict may bring a takedown to, by its state before; None before its first event."""


def create(context: Context, takedown_log: TakedownLog, quarantine: Quarantine) -> None:
    """Attach the agent to the context's app."""

    @context.stage("takedown", reads="verdicts")
    async def issue_takedowns(message: Verdict, record: Record) -> AsyncIterator[Output]:  # noqa: ARG001 - a handler's signature
        if message.decision != "act" or message.case_id is None:
            return
        if await context.cases.fresh_policy(message.case_id) is None:
            return
        async with takedown_log.lock:
            # A read barrier: it shows what was issued before this moment, by this worker or by an earlier owner of the
            # partition.
            await quarantine.current()
            fate = quarantine.fate(message.case_id, message, datetime.now(UTC))
            event = following(takedown_log, message, message.case_id, fate)
            if event is not None:
                yield Output("takedowns", event.takedown_id, event)
                metrics.TAKEDOWNS.labels(event.state).inc()
                if event.state == "issued" and message.reason != "late":
                    metrics.observe_end_to_end(event.post, "takedown", event.at)


def following(takedown_log: TakedownLog, verdict: Verdict, case_id: str, fate: Fate) -> Takedown | None:
    """Return the event that a verdict to act brings, None if all is said already.

    A takedown that is held or was withdrawn is issued when a later verdict has reason enough without the references
    that it was held or withdrawn for.
    """
    takedown_id = record_id("takedown", verdict.post.post_id, case_id)
    last = takedown_log.last(takedown_id)
    if fate.state not in _MAY_FOLLOW.get(last.state if last else None, ()):
        return None
    if takedown_log.asks(verdict.post, case_id, or_holds=fate.state == "held"):
        return None
    return _event(takedown_id, verdict, fate, last)


def _event(takedown_id: str, verdict: Verdict, fate: Fate, last: Takedown | None) -> Takedown:
    assert verdict.case_id is not None
    event = Takedown(
        event_id=record_id("takedown-event", takedown_id, fate.state, *([last.event_id] if last else [])),
        takedown_id=takedown_id,
        state=fate.state,
        post=verdict.post,
        case_id=verdict.case_id,
        verdict_id=verdict.verdict_id,
        probability=verdict.probability,
        act_at=verdict.act_at,
        policy_version=verdict.policy_version,
        evidence=verdict.evidence,
        at=datetime.now(UTC),
        links=verdict.links,
        held_for=list(fate.held_for),
    )
    return chained(event, last)
