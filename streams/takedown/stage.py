"""verdicts, removals, cases, standings -> takedowns: issue one per verdict to act or hold it; note what is removed."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime

from schemas.ids import record_id
from schemas.messages import Removal, State, Takedown, Verdict
from streams.cases.reference_reviews import ReferenceReviews
from streams.engine.app import Context
from streams.engine.record import Output, Record
from streams.takedown.log import TakedownLog, chained
from streams.takedown.quarantine import Fate, Quarantine
from streams.takedown.reconciler import Reconciler
from streams.takedown.removals import Removals
from streams.telemetry import metrics

_MAY_FOLLOW: dict[State | None, set[State]] = {
    None: {"issued", "held"},
    "withdrawn": {"issued", "held"},
    "held": {"issued"},
}
"""What a verdict may bring to a takedown in this state, None before its first event; nothing in any other."""


def create(context: Context) -> None:
    """Attach the stage to the context's app."""
    takedown_log = TakedownLog(context)
    quarantine = Quarantine(
        takedown_log,
        ReferenceReviews(context.settings, context.codec, context.crash),
        context.settings.quarantine_posts,
    )
    reconciler = Reconciler(context, takedown_log, quarantine)
    removals = Removals(context, takedown_log)
    context.background(reconciler.run)
    context.background(removals.run)

    @context.stage("takedown", reads="verdicts")
    async def issue_takedowns(message: Verdict, record: Record) -> AsyncIterator[Output]:  # noqa: ARG001 - a handler's signature
        if message.decision != "act" or message.case_id is None:
            return
        if await context.cases.fresh_policy(message.case_id) is None:
            return
        async with takedown_log.lock:
            # What was issued before this moment, by this worker or by one that had the partition before, is seen now.
            await quarantine.current()
            fate = quarantine.fate(message.case_id, message, datetime.now(UTC))
            event = following(takedown_log, message, message.case_id, fate)
            if event is not None:
                yield Output("takedowns", event.takedown_id, event)
                metrics.TAKEDOWNS.labels(event.state).inc()
                if event.state == "issued" and message.reason != "late":
                    metrics.observe_end_to_end(event.post, "takedown", event.at)

    @context.stage("takedown", reads="removals")
    async def note_removals(message: Removal, record: Record) -> AsyncIterator[Output]:  # noqa: ARG001 - likewise
        async with aclosing(removals.take(message)) as outputs:  # it holds the log's lock
            async for output in outputs:
                yield output


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
