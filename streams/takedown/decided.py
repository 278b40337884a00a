"""labels -> takedowns: issue the takedown of a post that a person calls a copy, withdraw it where it is none.

A person's decision is stronger than the policy's: neither the quarantine nor weak evidence prevents a takedown that a
person wants, and no later verdict issues one that a person has withdrawn. Each event keeps the label that decided last,
with its offset, so that the order of labels is that of their topic, and a repeated label changes nothing.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

import msgspec

from schemas.ids import record_id
from schemas.messages import AppliedLabel, Label, State, Takedown
from streams.cases.labels import DECIDING
from streams.engine.context import Context
from streams.engine.record import Output, Record
from streams.errors import UnprocessableError
from streams.takedown.issue import event_of
from streams.takedown.life import GONE, PENDING, chained, labelled, step
from streams.takedown.log import TakedownLog
from streams.takedown.quarantine import Quarantine, TakedownDecision
from streams.telemetry import metrics

_OF_VERDICT = ("verdict_id", "probability", "act_at", "policy_version", "evidence", "links")


def create(context: Context, takedown_log: TakedownLog, quarantine: Quarantine) -> None:
    """Attach the agent to the context's app."""
    decisions = Decisions(context, takedown_log, quarantine)

    @context.stage("takedown", reads="labels")
    async def apply_label(message: Label, record: Record) -> AsyncIterator[Output]:
        async with aclosing(decisions.apply(message, record.offset)) as outputs:  # the generator holds the log's lock
            async for output in outputs:
                yield output


class Decisions:
    """Next events of takedowns after labels."""

    def __init__(self, context: Context, takedown_log: TakedownLog, quarantine: Quarantine) -> None:
        self._context = context
        self._log = takedown_log
        self._quarantine = quarantine

    async def apply(self, label: Label, offset: int) -> AsyncGenerator[Output]:
        """Yield the takedown's next event, again if another worker wrote first and the label still applies.

        Raises
        ------
        UnprocessableError
            The label holds the verdict of another post or case.
        """
        _check(label)
        while label.decision in DECIDING:
            async with self._log.lock:  # first of all: its queue keeps the order of the labels
                event = await self._next_event(label, offset)
                if event is None:
                    return
                yield Output("takedowns", event.takedown_id, self._log.signed(event))
                metrics.TAKEDOWNS.labels(event.state).inc()

    async def _next_event(self, label: Label, offset: int) -> Takedown | None:
        if await self._context.cases.fresh_policy(label.case_id) is None:
            return None
        await self._quarantine.current()
        last = await self._last(label)
        if last is not None and last.label is not None and offset <= last.label.offset:
            return None
        return self._withdrawn(label, offset, last) if label.decision == "other" else self._issued(label, offset, last)

    async def _last(self, label: Label) -> Takedown | None:
        self._log.require_unfrozen(_takedown_id(label))
        entry = self._log.entry(_takedown_id(label))
        return await self._log.last(entry.row) if entry is not None else None

    def _withdrawn(self, label: Label, offset: int, last: Takedown | None) -> Takedown | None:
        """Return a withdrawal, also of a takedown that was never issued: a later verdict must not issue it."""
        if last is None:
            return self._first(label, offset, "withdrawn")
        if last.state == "withdrawn" and labelled(last) == "other":
            return None
        return step(last, "withdrawn", "label", offset, **_changes(label, offset))

    def _issued(self, label: Label, offset: int, last: Takedown | None) -> Takedown | None:
        if last is not None and last.state in PENDING | GONE:
            return None
        event = self._wanted(label, offset, last, TakedownDecision("issued"))
        if event is None or self._log.has_pending(event.post, event.case_id):
            return None
        # All of its references may have been withdrawn since the verdict, or its case waits for the second person.
        decision = self._quarantine.decide(event.case_id, event, event.at)
        if decision.state == "held":
            return self._wanted(label, offset, last, decision)
        return event if decision.state == "issued" else None

    def _wanted(self, label: Label, offset: int, last: Takedown | None, decision: TakedownDecision) -> Takedown | None:
        """Return the event of a takedown that a person wants; None without a verdict or an earlier event."""
        if last is None:
            return self._first(label, offset, decision.state, decision.held_for)
        changes = _basis(label) | {"held_for": list(decision.held_for)} | _changes(label, offset)
        return step(last, decision.state, "label", offset, **changes)

    def _first(self, label: Label, offset: int, state: State, held_for: Sequence[str] = ()) -> Takedown | None:
        """Return the first event of a takedown, None without the verdict that has the post and the evidence."""
        if label.verdict is None:
            return None
        case = self._context.cases.case(label.case_id)
        minor = case is not None and case.minor
        event = event_of(_takedown_id(label), label.verdict, TakedownDecision(state, held_for), None, minor=minor)
        event_id = record_id("takedown-event", event.takedown_id, state, "label", offset)
        return chained(msgspec.structs.replace(event, event_id=event_id, **_changes(label, offset)), None)


def _takedown_id(label: Label) -> str:
    return record_id("takedown", label.post_id, label.case_id)


def _changes(label: Label, offset: int) -> dict[str, Any]:
    applied = AppliedLabel(decision=label.decision, reviewer=label.reviewer, at=label.at, offset=offset)
    return {"by": label.reviewer, "why": label.note, "label": applied}


def _basis(label: Label) -> dict[str, Any]:
    """Return the fields of the verdict that the person decided on; without one, the takedown keeps its own."""
    return {name: getattr(label.verdict, name) for name in _OF_VERDICT} if label.verdict is not None else {}


def _check(label: Label) -> None:
    verdict = label.verdict
    if verdict is not None and (verdict.post.post_id, verdict.case_id) != (label.post_id, label.case_id):
        raise UnprocessableError("label_verdict_differs", "the label's verdict is of another post or case")
