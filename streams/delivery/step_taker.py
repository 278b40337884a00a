"""Steps of a delivery taken: a look, a notice, an escalation or a reminder, its record, and the event that follows."""

from datetime import UTC, datetime
from random import random
from typing import Protocol

import msgspec

from schemas.messages import Delivery, State, Takedown
from streams.delivery import after_step, plan, step_records
from streams.delivery.advance import advance
from streams.delivery.channels.channel import Answer
from streams.delivery.clocks import due_at
from streams.delivery.looks.look import Finding
from streams.delivery.plan import Step
from streams.delivery.platforms.registry import Platform, Registry
from streams.delivery.progress import Progress
from streams.delivery.sent import Sent
from streams.engine.context import Context
from streams.takedown.life import GONE
from streams.takedown.log import TakedownLog
from streams.telemetry import metrics

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


class StepTaker:
    """Takes the steps of deliveries."""

    def __init__(
        self, context: Context, takedown_log: TakedownLog, registry: Registry, sender: Sender, looks: Looks
    ) -> None:
        self._context = context
        self._log = takedown_log
        self._registry = registry
        self._sender = sender
        self._looks = looks

    def admits(self, platform: str) -> bool:
        """Return whether the limits of a platform allow a notice now, which must then be sent."""
        return self._sender.admits(platform)

    async def carry_out(self, last: Takedown, progress: Progress, due: Step, now: float) -> Progress:
        """Take a step that is due; return the progress after it."""
        match due.kind:
            case "look":
                return await self._look(last, progress, now)
            case "notice":
                return await self._notify(last, progress, now)
            case "escalation":
                return await self._escalate(last, progress, now)
            case "reminder":
                detail = reminder_text(self._registry.named(progress.platform), progress, now)
                await self._record(progress, step_records.reminder(last, progress, detail, now))
                return after_step.reminded(progress)

    async def _look(self, last: Takedown, progress: Progress, now: float) -> Progress:
        finding = await self._looks.look(last, progress)
        taken = step_records.look(last, progress, finding, now)
        await self._record(progress, taken)
        is_first = not progress.seen  # what a post of words alone showed first is all there is to compare with
        after = after_step.looked(progress, finding.detail if is_first or finding.outcome == "present" else "")
        state = _state_after_look(progress, finding)
        reached = await advance(self._context, self._log, last.takedown_id, state, taken)
        if reached is None or reached != state:
            return after_step.reached(after, reached)
        return msgspec.structs.replace(after_step.begun(after, reached, now), checked=True)

    async def _notify(self, last: Takedown, progress: Progress, now: float) -> Progress:
        key = step_records.step_id(last.takedown_id, "attempt", progress, progress.n_attempts + 1)
        sent = await self._sender.send(last, progress, key, now)
        if sent.answer is None and sent.notice is not None:
            await self._record(progress, step_records.dry_run(last, progress, sent.channel, sent.notice, now))
            return msgspec.structs.replace(progress, n_attempts=progress.n_attempts + 1)
        answer = sent.answer or Answer("failed")
        taken = step_records.attempt(last, progress, sent.channel, answer, sent.notice, now)
        await self._record(progress, taken)
        if answer.outcome == "failed":
            return after_step.failed(progress, now, answer.retry_after_s, random())  # noqa: S311 - no secret
        if progress.first_at is None:
            metrics.NOTICE_SECONDS.observe(max(0.0, now - last.at.timestamp()))
        due = due_at(self._registry.named(progress.platform).laws, datetime.fromtimestamp(now, UTC)).timestamp()
        after = after_step.sent(progress, now, due)
        if answer.outcome == "refused":
            after = after_step.refused(after, now)
        reached = await advance(self._context, self._log, last.takedown_id, _NEXT_STATE[answer.outcome], taken)
        return after_step.reached(after, reached)

    async def _escalate(self, last: Takedown, progress: Progress, now: float) -> Progress:
        platform = self._registry.named(progress.platform)
        channel = platform.channels[progress.channel + 1].kind
        taken = step_records.escalation(last, progress, channel, reminder_text(platform, progress, now), now)
        await self._record(progress, taken)
        reached = await advance(self._context, self._log, last.takedown_id, "escalated", taken)
        return after_step.reached(after_step.escalated(progress, now), reached)

    async def _record(self, progress: Progress, taken: Delivery) -> None:
        await self._context.send("deliveries", taken.takedown_id, taken)
        metrics.DELIVERY_STEPS.labels(progress.platform, taken.kind, taken.outcome).inc()


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
