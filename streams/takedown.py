"""verdicts, removals, cases, standings -> takedowns: issue one per verdict to act or hold it; note what is removed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from datetime import UTC, datetime

import msgspec

from schemas.ids import record_id
from schemas.messages import Removal, Takedown, Verdict
from streams import metrics
from streams.app import Context
from streams.ledger import Ledger, Place, chained, pending
from streams.removals import Removals
from streams.stage.record import Output, Record

_SWEEP_S = 30.0
_ASSIGNMENT_POLL_S = 1.0


def create(context: Context) -> None:
    """Attach the stage to the context's app."""
    ledger = Ledger(context)
    withdrawals = Withdrawals(context, ledger)
    removals = Removals(context, ledger)
    context.background(withdrawals.run)
    context.background(removals.run)

    @context.stage("takedown", reads="verdicts")
    async def issue_takedowns(message: Verdict, record: Record) -> AsyncIterator[Output]:  # noqa: ARG001 - a handler's signature
        if message.decision != "act" or message.case_id is None:
            return
        if await context.cases.fresh_policy(message.case_id) is None:
            return
        takedown_id = record_id("takedown", message.post.post_id, message.case_id)
        async with ledger.lock:
            # What was issued before this moment, by this worker or by one that had the partition before, is seen now.
            await ledger.current()
            if ledger.last(takedown_id) is None and not _asked_already(ledger, message):
                event = _issued(takedown_id, message)
                yield Output("takedowns", takedown_id, event)
                metrics.TAKEDOWNS.labels(event.state).inc()
                if message.reason != "late":
                    metrics.observe_end_to_end(event.post, "takedown", event.at)

    @context.stage("takedown", reads="removals")
    async def note_removals(message: Removal, record: Record) -> AsyncIterator[Output]:  # noqa: ARG001 - likewise
        async with aclosing(removals.take(message)) as outputs:  # it holds the ledger's lock
            async for output in outputs:
                yield output


def _asked_already(ledger: Ledger, verdict: Verdict) -> bool:
    """Return whether the platform is asked to take the same post down for the same case, before it was edited."""
    place = Place(verdict.post.platform, url=verdict.post.url)
    others = ledger.at(place) if verdict.post.url else []
    return any(pending(other.state) and other.case_id == verdict.case_id for other in others)


def _issued(takedown_id: str, verdict: Verdict) -> Takedown:
    assert verdict.case_id is not None
    event = Takedown(
        event_id=record_id("takedown-event", takedown_id, "issued"),
        takedown_id=takedown_id,
        state="issued",
        post=verdict.post,
        case_id=verdict.case_id,
        verdict_id=verdict.verdict_id,
        probability=verdict.probability,
        act_at=verdict.act_at,
        policy_version=verdict.policy_version,
        evidence=verdict.evidence,
        at=datetime.now(UTC),
    )
    return chained(event, None)


class Withdrawals:
    """Withdraw the pending takedowns of cases that are no longer open."""

    def __init__(self, context: Context, ledger: Ledger) -> None:
        self._context = context
        self._ledger = ledger
        self._changed = asyncio.Event()
        self._swept: set[int] = set()
        context.cases.listen(self._changed.set)

    async def run(self) -> None:
        """Go through the ledger after every change of a case, until cancelled."""
        await self._context.cases.start()
        await self._ledger.start()
        self._changed.set()
        while True:
            await self._due()
            self._changed.clear()
            self._swept = self._context.owned("verdicts")
            await self._withdraw_closed()

    async def _due(self) -> None:
        """Return when a case has changed, or partitions came with takedowns of cases that were withdrawn meanwhile."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_SWEEP_S):  # also from time to time, for what came and went unseen
                while not self._changed.is_set() and self._context.owned("verdicts") == self._swept:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._changed.wait(), _ASSIGNMENT_POLL_S)

    async def _withdraw_closed(self) -> None:
        for event in self._ledger.all():
            if pending(event.state) and self._owns(event.post.post_id) and await self._is_closed(event.case_id):
                await self._withdraw(event.takedown_id)

    async def _is_closed(self, case_id: str) -> bool:
        return await self._context.cases.fresh_policy(case_id) is None

    def _owns(self, post_id: str) -> bool:
        return self._context.partition("verdicts", post_id.encode()) in self._context.owned("verdicts")

    async def _withdraw(self, takedown_id: str) -> None:
        async with self._ledger.lock:
            await self._ledger.current()
            last = self._ledger.last(takedown_id)
            if last is None or not pending(last.state):
                return
            event_id = record_id("takedown-event", takedown_id, "withdrawn", last.event_id)
            event = msgspec.structs.replace(last, event_id=event_id, state="withdrawn", at=datetime.now(UTC))
            event = chained(event, last)
            await self._context.send("takedowns", takedown_id, event)
            metrics.TAKEDOWNS.labels(event.state).inc()
