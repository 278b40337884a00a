"""verdicts, cases, standings -> takedowns, checkpoints: issue one takedown per verdict to act, or hold it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

from schemas.ids import record_id
from schemas.messages import Takedown, Verdict
from streams.engine.context import Context
from streams.engine.record import Output, Record
from streams.takedown.life import chained, labelled, may_follow
from streams.takedown.log import TakedownLog
from streams.takedown.quarantine import Quarantine, TakedownDecision
from streams.telemetry import metrics


def create(context: Context, takedown_log: TakedownLog, quarantine: Quarantine) -> None:
    """Attach the agent to the context's app."""

    @context.stage("takedown", reads="verdicts")
    async def issue_takedowns(message: Verdict, record: Record) -> AsyncIterator[Output]:  # noqa: ARG001 - a handler's signature
        if message.decision != "act" or message.case_id is None:
            return
        if await context.cases.fresh_policy(message.case_id) is None:
            return
        case = context.cases.case(message.case_id)
        async with takedown_log.lock:
            # A read barrier: the log then holds every earlier event, of this worker or of an earlier owner of the
            # partition.
            await quarantine.current()
            decision = quarantine.decide(message.case_id, message, datetime.now(UTC))
            minor = case is not None and case.minor
            event = await next_event(takedown_log, message, message.case_id, decision, minor=minor)
            if event is not None:
                yield Output("takedowns", event.takedown_id, takedown_log.signed(event))
                metrics.TAKEDOWNS.labels(event.state).inc()
                if event.state == "issued" and message.reason != "late":
                    metrics.observe_end_to_end(event.post, "takedown", event.at)


async def next_event(
    takedown_log: TakedownLog, verdict: Verdict, case_id: str, decision: TakedownDecision, *, minor: bool = False
) -> Takedown | None:
    """Return a takedown's next event after a verdict to act, None without a change.

    A held or withdrawn takedown is issued when a later verdict is sufficient without the references for which it was
    held or withdrawn, but not after a person has decided that the post is no copy.
    """
    takedown_id = record_id("takedown", verdict.post.post_id, case_id)
    takedown_log.require_unfrozen(takedown_id)
    entry = takedown_log.entry(takedown_id)
    state = entry.state if entry else None
    if decision.state not in {"issued", "held"} or decision.state == state or not may_follow(state, decision.state):
        return None
    if takedown_log.has_pending(verdict.post, case_id, or_held=decision.state == "held"):
        return None
    last = await takedown_log.last(entry.row) if entry is not None else None
    if last is not None and labelled(last) == "other":
        return None
    return event_of(takedown_id, verdict, decision, last, minor=minor)


def event_of(
    takedown_id: str, verdict: Verdict, decision: TakedownDecision, last: Takedown | None, *, minor: bool = False
) -> Takedown:
    """Return a takedown's event after a verdict, linked to its last one."""
    assert verdict.case_id is not None
    event = Takedown(
        event_id=record_id("takedown-event", takedown_id, decision.state, *([last.event_id] if last else [])),
        takedown_id=takedown_id,
        state=decision.state,
        post=verdict.post,
        case_id=verdict.case_id,
        verdict_id=verdict.verdict_id,
        probability=verdict.probability,
        act_at=verdict.act_at,
        policy_version=verdict.policy_version,
        evidence=verdict.evidence,
        at=datetime.now(UTC),
        links=verdict.links,
        held_for=list(decision.held_for),
        minor=minor,
        label=last.label if last is not None else None,
    )
    return chained(event, last)
