"""Steps of the deliveries that are due: notices, looks, escalations and reminders, and the events that follow."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from random import random
from typing import Protocol
from weakref import WeakValueDictionary

import msgspec
import structlog

from schemas.messages import Delivery, State, Takedown
from streams.delivery import plan, steps_taken
from streams.delivery.answers.platform_answer import is_of_another_platform
from streams.delivery.channels.channel import Answer
from streams.delivery.clocks import due_at
from streams.delivery.looks.look import Finding
from streams.delivery.plan import Progress, Step
from streams.delivery.platforms.registry import Platform, Registry
from streams.delivery.sent import Sent
from streams.delivery.timetable import Timetable
from streams.engine.context import Context
from streams.errors import UnprocessableError
from streams.fusion.stage import Table
from streams.takedown.life import GONE, may_follow, step
from streams.takedown.log import TakedownLog
from streams.telemetry import metrics

log = structlog.get_logger()

_TICK_S = 0.25
_REFUSED_S = 60.0
"""Wait of a step that cannot be taken, because its takedown is frozen or its event cannot be read."""
_ENDED: frozenset[State] = frozenset({"held", "withdrawn"})
_NEXT_STATE: dict[str, State] = {"delivered": "sent", "acknowledged": "acknowledged", "refused": "refused"}
"""State after an attempt, by its outcome."""


class Sender(Protocol):
    """Writes and sends notices."""

    def admits(self, platform: str) -> bool:
        """Return whether the limits of a platform allow a notice now, which must then be sent."""

    async def send(self, last: Takedown, progress: Progress, key: str, now: float) -> Sent:
        """Write the notice of a takedown and send it, or only write it in a dry run."""


class Looks(Protocol):
    """Looks at posts."""

    async def look(self, last: Takedown, progress: Progress) -> Finding:
        """Look whether a post is there."""


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
        self._sender = sender
        self._looks = looks
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
            if progress is None or taken.at.timestamp() < progress.since:
                return
            if taken.kind == "approval" and not progress.approved_by:
                after = msgspec.structs.replace(progress, approved_by=taken.by or "desk", since=self._now())
                state: State | None = "approved"
            elif taken.kind == "answer":
                if is_of_another_platform(taken, progress.platform) or self._is_late_bounce(taken, progress):
                    log.warning("answer of another channel", takedown_id=taken.takedown_id, channel=taken.channel)
                    return
                after, state = _after_answer(progress, taken, self._now())
            else:
                return
            reached = await self._advance(taken.takedown_id, state, taken) if state is not None else None
            await timetable.save(taken.takedown_id, _with_state(after, reached))

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
                takedown_id = timetable.begin_due(self._now(), self._sender.admits)
                if takedown_id is None:
                    break
                take = partial(self._take, timetable, takedown_id)
                self._running.add(asyncio.create_task(self._in_order(timetable, takedown_id, take)))
            metrics.DELIVERIES_OPEN.set(len(timetable))
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
        after = await self._carry_out(last, progress, due, now)
        await timetable.save(takedown_id, after)

    async def _carry_out(self, last: Takedown, progress: Progress, due: Step, now: float) -> Progress:
        match due.kind:
            case "look":
                return await self._look(last, progress, now)
            case "notice":
                return await self._notify(last, progress, now)
            case "escalation":
                return await self._escalate(last, progress, now)
            case "reminder":
                detail = reminder_text(self._registry.named(progress.platform), progress, now)
                await self._record(progress, steps_taken.reminder(last, progress, detail, now))
                return plan.reminded(progress)

    async def _look(self, last: Takedown, progress: Progress, now: float) -> Progress:
        finding = await self._looks.look(last, progress)
        taken = steps_taken.look(last, progress, finding, now)
        await self._record(progress, taken)
        is_first = not progress.seen  # what a post of words alone showed first is all there is to compare with
        after = plan.looked(progress, finding.detail if is_first or finding.outcome == "present" else "")
        state = _state_after_look(progress, finding)
        reached = await self._advance(last.takedown_id, state, taken) if state is not None else None
        if reached is None or reached != state:
            return _with_state(after, reached)
        return msgspec.structs.replace(plan.begun(after, reached, now), checked=True)

    async def _notify(self, last: Takedown, progress: Progress, now: float) -> Progress:
        key = steps_taken.step_id(last.takedown_id, "attempt", progress, progress.n_attempts + 1)
        sent = await self._sender.send(last, progress, key, now)
        if sent.answer is None and sent.notice is not None:
            await self._record(progress, steps_taken.dry_run(last, progress, sent.channel, sent.notice, now))
            return msgspec.structs.replace(progress, n_attempts=progress.n_attempts + 1)
        answer = sent.answer or Answer("failed")
        taken = steps_taken.attempt(last, progress, sent.channel, answer, sent.notice, now)
        await self._record(progress, taken)
        if answer.outcome == "failed":
            return plan.failed(progress, now, answer.retry_after_s, random())  # noqa: S311 - no secret
        if progress.first_at is None:
            metrics.NOTICE_SECONDS.observe(max(0.0, now - last.at.timestamp()))
        due = due_at(self._registry.named(progress.platform).laws, datetime.fromtimestamp(now, UTC)).timestamp()
        after = plan.sent(progress, now, due)
        if answer.outcome == "refused":
            after = plan.refused(after, now)
        reached = await self._advance(last.takedown_id, _NEXT_STATE[answer.outcome], taken)
        return _with_state(after, reached)

    async def _escalate(self, last: Takedown, progress: Progress, now: float) -> Progress:
        platform = self._registry.named(progress.platform)
        channel = platform.channels[progress.channel + 1].kind
        taken = steps_taken.escalation(last, progress, channel, reminder_text(platform, progress, now), now)
        await self._record(progress, taken)
        reached = await self._advance(last.takedown_id, "escalated", taken)
        return _with_state(plan.escalated(progress, now), reached)

    async def _record(self, progress: Progress, taken: Delivery) -> None:
        await self._context.send("deliveries", taken.takedown_id, taken)
        metrics.DELIVERY_STEPS.labels(progress.platform, taken.kind, taken.outcome).inc()

    async def _advance(self, takedown_id: str, state: State, taken: Delivery) -> State | None:
        """Write the event of a step unless it may not follow; return the takedown's state then."""
        while True:
            async with self._log.lock:
                await self._log.current()
                entry = self._log.entry(takedown_id)
                if entry is None or not may_follow(entry.state, state):
                    return entry.state if entry is not None else None
                last = await self._log.last(entry.row)
                assert last is not None
                cause = msgspec.structs.replace(taken, notice=None)  # it is in the step's own record
                event = step(last, state, taken.delivery_id, by=taken.by, why=taken.why, delivery=cause)
                await self._context.send("takedowns", takedown_id, self._log.signed(event))
                metrics.TAKEDOWNS.labels(state).inc()
                await self._log.current()
                # Another worker's event may have come first; ours is then ignored by everybody.
                if self._log.state(takedown_id) == state:
                    return state

    def _after_event(self, event: Takedown, before: Progress | None) -> Progress | None:
        if event.state in _ENDED:
            return None
        if before is not None and before.state == event.state:
            return before
        begins = before is None or event.state in GONE or event.state in {"issued", "reappeared"}
        if not begins:
            assert before is not None
            return msgspec.structs.replace(before, state=event.state)
        return plan.begun(before or self._fresh(event), event.state, event.at.timestamp())

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


def reminder_text(platform: Platform, progress: Progress, now: float) -> str:
    """Return one line for a person: what is due, and what can be done beside the channels."""
    if not platform.channels:
        return f"{platform.title} has no channel: set one up in the platforms' file, or send the notice by hand"
    state = "is overdue" if plan.is_overdue(progress, now) else "is due soon"
    beyond = platform.regulator or platform.contact or "the regulator"
    ftc = "; a complaint can be filed at TakeItDown.ftc.gov" if "US_TIDA" in platform.laws else ""
    return f"the removal by {platform.title} {state}: next, {beyond}{ftc}"


def _state_after_look(progress: Progress, finding: Finding) -> State | None:
    if progress.state in GONE:
        return "reappeared" if finding.outcome == "present" else None
    if finding.outcome != "gone":
        return None
    return "removed" if progress.first_at is not None or progress.state == "reappeared" else "gone_before_notice"


def _after_answer(progress: Progress, taken: Delivery, now: float) -> tuple[Progress, State | None]:
    """Return progress and state after a platform's answer: a claim of removal is only a reason to look."""
    match taken.outcome:
        case "acknowledged":
            return progress, "acknowledged"
        case "refused":
            return plan.refused(progress, now), "refused"
        case "gone":
            return msgspec.structs.replace(progress, look_now=True), None
        case _:
            return progress, None


def _with_state(progress: Progress, state: State | None) -> Progress:
    return msgspec.structs.replace(progress, state=state) if state is not None else progress
