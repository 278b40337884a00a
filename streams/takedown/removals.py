"""removals -> takedowns: close the takedowns whose post the platform has removed, whichever of the two comes first.

A worker keeps the recent removals of its partitions and reads every takedown, so one worker joins each pair. This state
is in memory only: after a restart, an earlier removal is not joined with a takedown issued later.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime

import msgspec

from schemas.ids import record_id
from schemas.messages import Removal, State, Takedown
from streams.engine.app import Context
from streams.engine.record import Output, Record
from streams.takedown.log import Place, TakedownLog, chained, pending, places
from streams.telemetry import metrics

_REMEMBERED = 100_000
"""Removals; some hours of a very large platform."""


def create(context: Context, takedown_log: TakedownLog) -> None:
    """Attach the agent, and the join with removals that came first, to the context's app."""
    removals = Removals(context, takedown_log)
    context.background(removals.run)

    @context.stage("takedown", reads="removals")
    async def close_takedowns(message: Removal, record: Record) -> AsyncIterator[Output]:  # noqa: ARG001 - a handler's signature
        async with aclosing(removals.take(message)) as outputs:  # it holds the log's lock
            async for output in outputs:
                yield output


class Removals:
    """Note in the takedown log what platforms removed.

    Parameters
    ----------
    remembered
        How many removals are kept for takedowns to come.
    """

    def __init__(self, context: Context, takedown_log: TakedownLog, remembered: int = _REMEMBERED) -> None:
        self._context = context
        self._log = takedown_log
        self._remembered = remembered
        self._recent: OrderedDict[Place, Removal] = OrderedDict()
        self._met: asyncio.Queue[tuple[str, Removal]] = asyncio.Queue()
        takedown_log.listen(self._look_back)

    async def run(self) -> None:
        """Note what was removed before its takedown was issued, until cancelled."""
        while True:
            takedown_id, removal = await self._met.get()
            async with aclosing(self._note(takedown_id, removal)) as outputs:
                async for output in outputs:
                    assert output.message is not None
                    await self._context.send(output.topic, output.key, output.message)

    async def take(self, removal: Removal) -> AsyncGenerator[Output]:
        """Yield the events that a removal brings to takedowns issued before."""
        place = Place(removal.platform, removal.url, None if removal.url else removal.author)
        # First remembered, then looked up: a takedown issued in between is met by one or the other.
        self._remember(place, removal)
        await self._log.start()
        for takedown in self._log.at(place):
            async with aclosing(self._note(takedown.takedown_id, removal)) as outputs:
                async for output in outputs:
                    yield output

    async def _note(self, takedown_id: str, removal: Removal) -> AsyncGenerator[Output]:
        """Yield what follows for one takedown, again if another worker wrote first and it still follows."""
        while True:
            async with self._log.lock:
                await self._log.current()
                last = self._log.last(takedown_id)
                event = following(last, removal) if last is not None else None
                if event is None:
                    return
                yield Output("takedowns", takedown_id, event)
                metrics.TAKEDOWNS.labels(event.state).inc()

    def _remember(self, place: Place, removal: Removal) -> None:
        known = self._recent.get(place)
        if known is None or known.at <= removal.at:
            self._recent[place] = removal
            self._recent.move_to_end(place)
        if len(self._recent) > self._remembered:
            self._recent.popitem(last=False)

    def _look_back(self, event: Takedown) -> None:
        """Meet a takedown that was just written with what was removed before."""
        for place in places(event.post):
            removal = self._recent.get(place)
            if removal is not None and following(event, removal) is not None:
                self._met.put_nowait((event.takedown_id, removal))


def following(last: Takedown, removal: Removal) -> Takedown | None:
    """Return the event that a removal brings to a takedown, None if it changes nothing."""
    state = _state_after(last, removal)
    if state is None:
        return None
    event_id = record_id("takedown-event", last.takedown_id, state, last.event_id, removal.removal_id)
    event = msgspec.structs.replace(last, event_id=event_id, state=state, removal=removal, at=datetime.now(UTC))
    return chained(event, last)


def _state_after(last: Takedown, removal: Removal) -> State | None:
    """Return the state that a removal leads to.

    Only an account brings back what it took along: what was deleted stays deleted, and a new post at the same url has
    a takedown of its own.
    """
    earlier = last.removal
    if earlier is not None and removal.at < earlier.at:
        return None  # told late
    if removal.kind == "account_back":
        went_along = last.state == "removed" and earlier is not None and earlier.kind == "account_gone"
        return "reappeared" if went_along else None
    # What is held is not asked for: an account that takes it along may bring it back. A deleted post is gone for good.
    waits = pending(last.state) or (last.state == "held" and removal.kind == "post_deleted")
    # A url may be used again: what went before this post was seen was another.
    return "removed" if waits and removal.seen_at >= last.post.seen_at else None
