"""Deliveries of a worker: begun and ended by events, their steps taken when they are due."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from weakref import WeakValueDictionary

import msgspec
import structlog

from schemas.messages import Delivery, State, Takedown
from streams.delivery import after_step
from streams.delivery.advance import advance
from streams.delivery.answers.platform_answer import is_of_another_platform
from streams.delivery.platforms.registry import Registry
from streams.delivery.progress import Progress
from streams.delivery.step_taker import Looks, Sender, StepTaker
from streams.delivery.timetable import Timetable
from streams.engine.context import Context
from streams.errors import UnprocessableError
from streams.fusion.stage import Table
from streams.takedown.life import GONE
from streams.takedown.log import TakedownLog
from streams.telemetry import metrics

log = structlog.get_logger()

_TICK_S = 0.25
_REFUSED_S = 60.0
"""Wait of a step that cannot be taken, because its takedown is frozen or its event cannot be read."""
_ENDED: frozenset[State] = frozenset({"held", "withdrawn"})


class Deliverer:
    """Deliveries of the partitions of a worker.

    Parameters
    ----------
    now
        Clock, seconds since the epoch.
    """

    def __init__(  # noqa: PLR0917 - what it brings together
        self,
        context: Context,
        takedown_log: TakedownLog,
        table: Table,
        registry: Registry,
        sender: Sender,
        looks: Looks,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._context = context
        self._log = takedown_log
        self._table = table
        self._registry = registry
        self._steps = StepTaker(context, takedown_log, registry, sender, looks)
        self._now = now
        self._sends = context.settings.delivery.send
        self._timetables: dict[int, Timetable] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._running: set[asyncio.Task[None]] = set()

    async def timetable(self, partition: int) -> Timetable:
        """Return the timetable of an assigned partition; a new one after each rebalance."""
        store = await self._table.acquire(partition)
        timetable = self._timetables.get(partition)
        if timetable is None or timetable.store is not store:
            timetable = self._timetables[partition] = Timetable(store, self._registry.named)
            await self._set_mode(timetable)
        return timetable

    async def apply_event(self, event: Takedown, partition: int, offset: int) -> None:
        """Begin, go on with or end the delivery of a takedown after its last event; earlier ones change nothing."""
        timetable = await self.timetable(partition)
        entry = self._log.entry(event.takedown_id)
        if entry is None or entry.offset < offset:
            await self._log.current()
            entry = self._log.entry(event.takedown_id)
        if entry is None or entry.offset != offset:
            return
        async with self.lock(event.takedown_id):
            before = timetable.get(event.takedown_id)
            after = self._after_event(event, before)
            if after is None:
                await timetable.erase(event.takedown_id)
            elif after != before:
                await timetable.save(event.takedown_id, after)

    async def apply_step(self, taken: Delivery, partition: int) -> None:
        """Apply the approval of a person or the answer of a platform."""
        timetable = await self.timetable(partition)
        async with self.lock(taken.takedown_id):
            progress = timetable.get(taken.takedown_id)
            applied = self._after_step(progress, taken) if progress is not None else None
            if applied is None:
                return
            after, state = applied
            reached = await advance(self._context, self._log, taken.takedown_id, state, taken)
            await timetable.save(taken.takedown_id, after_step.reached(after, reached))

    def lock(self, takedown_id: str) -> asyncio.Lock:
        """Return the lock of a takedown: one step or event after the other changes its progress."""
        return self._locks.setdefault(takedown_id, asyncio.Lock())

    async def run(self) -> None:
        """Take the steps that are due, until cancelled."""
        await self._context.retry_while_unreachable(self._context.cases.start)
        await self._context.retry_while_unreachable(self._log.start)
        try:
            while True:
                await asyncio.sleep(_TICK_S)
                await self.take_due()
        finally:
            for task in self._running:
                task.cancel()

    async def take_due(self) -> None:
        """Begin the steps that are due, as many at once as allowed, as long as no rebalance moves their partitions."""
        for partition in sorted(self._settled()):
            timetable = await self.timetable(partition)
            while len(self._running) < self._context.settings.delivery.concurrency:
                takedown_id = timetable.begin_due(self._now(), self._steps.admits)
                if takedown_id is None:
                    break
                take = partial(self._take, timetable, takedown_id)
                self._running.add(asyncio.create_task(self._in_order(timetable, takedown_id, take)))
        metrics.DELIVERIES_OPEN.set(sum(map(len, self._timetables.values())))
        self._end_taken()

    async def idle(self) -> None:
        """Return once no step is being taken."""
        while self._running:
            await asyncio.wait(self._running)
            self._end_taken()

    def _end_taken(self) -> None:
        """Drop the tasks of steps that have been taken, and raise the error of one that failed."""
        for task in [task for task in self._running if task.done()]:
            self._running.discard(task)
            task.result()

    def _settled(self) -> set[int]:
        """Return the assigned partitions, none during a rebalance; drop the timetables of all others."""
        if self._context.app.rebalancing:
            return set()
        owned = self._context.owned("takedowns")
        self._table.release(owned)
        for partition in self._timetables.keys() - owned:
            del self._timetables[partition]
        return owned

    async def _in_order(self, timetable: Timetable, takedown_id: str, take: Callable[[], Awaitable[None]]) -> None:
        try:
            async with self.lock(takedown_id):
                await self._context.retry_while_unreachable(take)
        except UnprocessableError as error:
            log.warning("delivery step not taken", takedown=takedown_id, reason=error.reason, detail=error.detail)
            timetable.end(takedown_id, not_before=self._now() + _REFUSED_S)
        else:
            timetable.end(takedown_id)

    async def _take(self, timetable: Timetable, takedown_id: str) -> None:
        found, now = timetable.step(takedown_id), self._now()
        if found is None or found[1].at > now:
            return
        progress, due = found
        entry = self._log.entry(takedown_id)
        last = await self._log.last(entry.row) if entry is not None else None
        if last is None or last.state in _ENDED:
            await timetable.erase(takedown_id)
            return
        after = await self._steps.carry_out(last, progress, due, now)
        await timetable.save(takedown_id, after)

    def _after_step(self, progress: Progress, taken: Delivery) -> tuple[Progress, State | None] | None:
        """Return progress and state after an approval or an answer, None if it changes nothing."""
        if taken.at.timestamp() < progress.since:
            return None
        if taken.kind == "approval" and not progress.approved_by:
            return msgspec.structs.replace(progress, approved_by=taken.by or "desk", since=self._now()), "approved"
        if taken.kind != "answer":
            return None
        if is_of_another_platform(taken, progress.platform) or self._is_late_bounce(taken, progress):
            log.warning("answer of another channel", takedown_id=taken.takedown_id, channel=taken.channel)
            return None
        return _after_answer(progress, taken, self._now())

    def _after_event(self, event: Takedown, before: Progress | None) -> Progress | None:
        if event.state in _ENDED:
            return None
        if before is not None and before.state == event.state:
            return before
        begins = before is None or event.state in GONE or event.state in {"issued", "reappeared"}
        if not begins:
            assert before is not None
            return msgspec.structs.replace(before, state=event.state)
        return after_step.begun(before or self._fresh(event), event.state, event.at.timestamp())

    def _fresh(self, event: Takedown) -> Progress:
        platform, _ = self._registry.find(event.post)
        policy = self._context.cases.policy(event.case_id)
        return Progress(
            state=event.state,
            case_id=event.case_id,
            platform=platform,
            since=event.at.timestamp(),
            detected_at=event.at.timestamp(),
            minor=event.minor,
            dry=not self._sends,
            needs_approval=policy is not None and policy.approve,
        )

    async def _set_mode(self, timetable: Timetable) -> None:
        """Send what was only written, or stop to send, as the setting is now."""
        for takedown_id, progress in timetable.all():
            if progress.dry is self._sends:
                changed = msgspec.structs.replace(progress, dry=not self._sends, since=self._now())
                await timetable.save(takedown_id, changed)

    def _is_late_bounce(self, answer: Delivery, progress: Progress) -> bool:
        """Return whether a mail has bounced that was escalated meanwhile: it refuses nothing of the next channel."""
        in_use = self._registry.named(progress.platform).channels[progress.channel : progress.channel + 1]
        return answer.channel == "mail" and all(channel.kind != "mail" for channel in in_use)


def _after_answer(progress: Progress, taken: Delivery, now: float) -> tuple[Progress, State | None]:
    """Return progress and state after a platform's answer: a claim of removal is only a reason to look."""
    match taken.outcome:
        case "acknowledged":
            return progress, "acknowledged"
        case "refused":
            return after_step.refused(progress, now), "refused"
        case "gone":
            return msgspec.structs.replace(progress, look_now=True), None
        case _:
            return progress, None
