"""Takedowns whose ground has changed: their case is closed, or a person has confirmed or withdrawn a reference."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime

import msgspec

from schemas.ids import record_id
from schemas.messages import State, Takedown
from streams.engine.app import Context
from streams.takedown.log import TakedownLog, chained, pending
from streams.takedown.quarantine import Quarantine
from streams.telemetry import metrics

_SWEEP_S = 30.0
_ASSIGNMENT_POLL_S = 1.0


class Reconciler:
    """Withdraw the takedowns that no longer have a ground, and issue the held ones that now have."""

    def __init__(self, context: Context, takedown_log: TakedownLog, quarantine: Quarantine) -> None:
        self._context = context
        self._log = takedown_log
        self._quarantine = quarantine
        self._changed = asyncio.Event()
        self._swept: set[int] = set()
        context.cases.listen(self._changed.set)
        quarantine.listen(self._changed.set)

    async def run(self) -> None:
        """Go through the takedown log after every change of a case or a standing, until cancelled."""
        await self._context.cases.start()
        await self._quarantine.current()
        self._changed.set()
        while True:
            await self._due()
            self._changed.clear()
            self._swept = self._context.owned("verdicts")
            await self._revise_all()

    async def _due(self) -> None:
        """Return when something has changed, or partitions came with takedowns whose ground changed meanwhile."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_SWEEP_S):  # also from time to time, for what came and went unseen
                while not self._changed.is_set() and self._context.owned("verdicts") == self._swept:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._changed.wait(), _ASSIGNMENT_POLL_S)

    async def _revise_all(self) -> None:
        for event in self._log.all():
            if self._owns(event.post.post_id) and await self._next(event) is not None:
                await self._revise(event.takedown_id)

    async def _next(self, last: Takedown) -> State | None:
        """Return the state that a takedown must come to, None if it may stay as it is."""
        waits = pending(last.state) or last.state == "held"
        if waits and await self._context.cases.fresh_policy(last.case_id) is None:
            return "withdrawn"
        fate = self._quarantine.fate(last.case_id, last, datetime.now(UTC)).state
        if fate == "withdrawn":
            # Also what a platform has removed already: it was for a wrong reason.
            return "withdrawn" if last.state != "withdrawn" else None
        if last.state != "held" or fate != "issued":
            return None
        return "withdrawn" if self._log.asks(last.post, last.case_id) else "issued"

    def _owns(self, post_id: str) -> bool:
        return self._context.partition("verdicts", post_id.encode()) in self._context.owned("verdicts")

    async def _revise(self, takedown_id: str) -> None:
        async with self._log.lock:
            await self._quarantine.current()
            last = self._log.last(takedown_id)
            state = await self._next(last) if last is not None else None
            if last is None or state is None:
                return
            event_id = record_id("takedown-event", takedown_id, state, last.event_id)
            event = msgspec.structs.replace(last, event_id=event_id, state=state, at=datetime.now(UTC))
            await self._context.send("takedowns", takedown_id, chained(event, last))
            metrics.TAKEDOWNS.labels(state).inc()
