"""Plan of one takedown's delivery: what is done next and when, as a pure function of what was done.

A look comes first: what is gone needs no notice. Then notices go through the platform's channels in their order, again
after each interval until the post is gone or the platform's limit is reached; the next channel is tried when one
refuses, fails for long or lets the due time pass; persons are reminded. Looks go on until the post is gone, and for a
month after that. All times are seconds since the epoch.
"""

from typing import Literal, NamedTuple

from streams.delivery.platforms.registry import Platform
from streams.delivery.progress import Progress
from streams.takedown.life import GONE, PENDING

type Kind = Literal["look", "notice", "escalation", "reminder"]

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86_400.0
LOOKS_S = (15 * _MINUTE, _HOUR, 6 * _HOUR, *(n * _DAY for n in range(1, 31)), *(n * 7 * _DAY for n in range(5, 53)))
"""Looks after the first notice: none after a year, which the reminder states."""
LOOKS_AFTER_S = (_HOUR, _DAY, 7 * _DAY, 30 * _DAY)
"""Looks after a removal."""
_REMINDERS_LATE_S = (0.0, 7 * _DAY, 14 * _DAY, 21 * _DAY)
"""Reminders from the due time on; one more comes before it."""
_EARLY = 0.75
"""Share of the time until it is due, after which a person is reminded."""


class Step(NamedTuple):
    """Next step of a takedown's delivery."""

    at: float
    kind: Kind


def next_step(progress: Progress, platform: Platform) -> Step | None:
    """Return what is done next; None if nothing is until an event comes, or ever again."""
    if progress.state in GONE:
        return _after_removal(progress)
    if progress.state not in PENDING:
        return None
    if progress.dry:
        return Step(progress.since, "notice") if not progress.n_attempts else None
    if not progress.checked and platform.look != "none":
        return Step(progress.since, "look")
    if progress.needs_approval and not progress.approved_by:
        return None
    of_platform = (_notice(progress, platform), _escalation(progress, platform), _look(progress, platform))
    steps = (step for step in (*of_platform, _reminder(progress)) if step is not None)
    return min(steps, key=lambda step: step.at, default=None)


def is_over(progress: Progress) -> bool:
    """Return whether the last look is done, so that only an event can begin a new round."""
    return progress.state in GONE and progress.looked >= len(LOOKS_AFTER_S) and not progress.look_now


def is_overdue(progress: Progress, now: float) -> bool:
    """Return whether the post should be gone by now and is not."""
    return progress.state in PENDING and progress.due_at is not None and progress.due_at <= now


def _after_removal(progress: Progress) -> Step | None:
    if progress.look_now:
        return Step(progress.since, "look")
    if is_over(progress):
        return None
    return Step(progress.since + LOOKS_AFTER_S[progress.looked], "look")


def _notice(progress: Progress, platform: Platform) -> Step | None:
    if progress.channel >= len(platform.channels) or platform.channels[progress.channel].kind == "manual":
        return Step(progress.since, "reminder") if progress.last_at is None and not progress.reminded else None
    if progress.failures:
        return Step(progress.retry_at, "notice")
    if progress.last_at is None:
        return Step(progress.since, "notice")
    if progress.notices >= platform.max_notices:
        return None
    return Step(progress.last_at + platform.interval_h * _HOUR, "notice")


def _escalation(progress: Progress, platform: Platform) -> Step | None:
    if progress.escalate_at is None or progress.channel + 1 >= len(platform.channels):
        return None
    return Step(progress.escalate_at, "escalation")


def _reminder(progress: Progress) -> Step | None:
    if progress.first_at is None or progress.due_at is None:
        return None
    early = progress.first_at + _EARLY * (progress.due_at - progress.first_at)
    times = (early, *(progress.due_at + late for late in _REMINDERS_LATE_S))
    return Step(times[progress.reminded], "reminder") if progress.reminded < len(times) else None


def _look(progress: Progress, platform: Platform) -> Step | None:
    if platform.look == "none":
        return None
    if progress.look_now:
        return Step(progress.since, "look")
    if progress.first_at is None or progress.looked >= len(LOOKS_S):
        return None
    return Step(progress.first_at + LOOKS_S[progress.looked], "look")
