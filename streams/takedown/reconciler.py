"""Reconciliation of takedowns after their case was closed or one of their references was confirmed or withdrawn."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime

import msgspec

from schemas.ids import record_id
from schemas.messages import State, Takedown
from streams.engine.context import Context
from streams.takedown.log import TakedownLog, chained, pending
from streams.takedown.quarantine import Quarantine
from streams.telemetry import metrics

_INTERVAL_S = 30.0
_ASSIGNMENT_POLL_S = 1.0


class Reconciler:
    """Withdrawal of takedowns without a basis, and issue of held ones that are now allowed."""

    def __init__(self, context: Context, takedown_log: TakedownLog, quarantine: Quarantine) -> None:
        self._context = context
        self._log = takedown_log
        self._quarantine = quarantine
        self._changed = asyncio.Event()
        self._reconciled: set[int] = set()  # partitions
        context.cases.listen(self._changed.set)
        quarantine.listen(self._changed.set)

    async def run(self) -> None:
        """Reconcile the takedown log after every change of a case or a review, until cancelled."""
        await self._context.retry_while_unreachable(self._context.cases.start)
        await self._context.retry_while_unreachable(self._quarantine.current)
        self._changed.set()
        while True:
            await self._wait_until_due()
            self._changed.clear()
            self._reconciled = self._context.owned("verdicts")
            await self._context.retry_while_unreachable(self._reconcile_all)

    async def _reconcile_all(self) -> None:
        for event in self._log.all():
            if self._owns(event.post.post_id) and await self._next_state(event) is not None:
                await self._reconcile(event.takedown_id)

    async def _wait_until_due(self) -> None:
        """Return after a change of a case or a review, or of the assigned partitions: their takedowns may be stale."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_INTERVAL_S):  # also periodically, for missed changes of the assignment
                while not self._changed.is_set() and self._context.owned("verdicts") == self._reconciled:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._changed.wait(), _ASSIGNMENT_POLL_S)

    async def _next_state(self, last: Takedown) -> State | None:
        """Return the state that a takedown must take, None without a change."""
        is_open = pending(last.state) or last.state == "held"
        if is_open and await self._context.cases.fresh_policy(last.case_id) is None:
            return "withdrawn"
        decided = self._quarantine.decide(last.case_id, last, datetime.now(UTC)).state
        if decided == "withdrawn":
            # Also a post that the platform has removed already: the removal had a wrong reason.
            return "withdrawn" if last.state != "withdrawn" else None
        if last.state != "held" or decided != "issued":
            return None
        return "withdrawn" if self._log.has_pending(last.post, last.case_id) else "issued"

    def _owns(self, post_id: str) -> bool:
        return self._context.partition("verdicts", post_id.encode()) in self._context.owned("verdicts")

    async def _reconcile(self, takedown_id: str) -> None:
        async with self._log.lock:
            await self._quarantine.current()
            last = self._log.last(takedown_id)
            state = await self._next_state(last) if last is not None else None
            if last is None or state is None:
                return
            event_id = record_id("takedown-event", takedown_id, state, last.event_id)
            event = msgspec.structs.replace(last, event_id=event_id, state=state, at=datetime.now(UTC))
            await self._context.send("takedowns", takedown_id, chained(event, last))
            metrics.TAKEDOWNS.labels(state).inc()
