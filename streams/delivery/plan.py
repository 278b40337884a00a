"""Plan of one takedown's delivery: what is done next and when, as a pure function of what was done.

A look comes first: what is gone needs no notice. Then notices go through the platform's channels in their order, again
after each interval until the post is gone or the platform's limit is reached; the next channel is tried when one
refuses, fails for long or lets the due time pass; persons are reminded. Looks go on until the post is gone, and for a
month after that. All times are seconds since the epoch.
"""

from datetime import UTC, datetime
from typing import Literal, NamedTuple

import msgspec

from schemas.messages import State
from streams.delivery.platforms.registry import Platform
from streams.takedown.life import GONE, PENDING

type Kind = Literal["look", "notice", "escalation", "reminder"]

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86_400.0
LOOKS_S = (15 * _MINUTE, _HOUR, 6 * _HOUR, *(n * _DAY for n in range(1, 31)), *(n * 7 * _DAY for n in range(5, 53)))
"""Looks after the first notice: after a year no more, and a reminder says so."""
LOOKS_AFTER_S = (_HOUR, _DAY, 7 * _DAY, 30 * _DAY)
"""Looks after a removal."""
RETRIES_S = (_MINUTE, 5 * _MINUTE, 15 * _MINUTE, _HOUR, 6 * _HOUR)
"""Waits after failed attempts in a row, unless the platform names a time; then the channel is given up."""
_RETRIES_MAX_S = 2 * _DAY
"""Longest wait that a platform's answer can ask for."""
_ESCALATION_S = 24 * _HOUR
"""Time for each further channel."""
_REMINDERS_LATE_S = (0.0, 7 * _DAY, 14 * _DAY, 21 * _DAY)
"""Reminders from the due time on; one more comes before it."""
_NO_MORE_NOTICES = 1_000_000
"""Notices that a channel which has refused counts as having had: above the limit of every platform."""
_EARLY = 0.75
"""Share of the time until it is due, after which a person is reminded."""


class Progress(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, array_like=True):
    """What was done for one takedown; kept in the stage's table until its last look."""

    state: State
    case_id: str
    platform: str
    """Name in the registry."""
    since: float
    """Time of the event that began this round: its issue, its reappearance or its removal."""
    minor: bool = False
    needs_approval: bool = False
    dry: bool = False
    """Whether its notice is only written, once, in a dry run."""
    checked: bool = False
    """Whether the post was looked at in this round, before a notice."""
    channel: int = 0
    """Index of the channel in the platform's entry."""
    notices: int = 0
    """Notices of this round that were sent."""
    failures: int = 0
    """Failed attempts in a row."""
    retry_at: float = 0.0
    first_at: float | None = None
    """First notice of this round."""
    last_at: float | None = None
    """Last notice."""
    due_at: float | None = None
    escalate_at: float | None = None
    looked: int = 0
    """Looks of this round since its first notice or its removal."""
    look_now: bool = False
    reminded: int = 0
    """Reminders of this round."""
    n_attempts: int = 0
    """Attempts in all rounds; numbers the ids, as the next three do."""
    n_looks: int = 0
    n_reminders: int = 0
    n_escalations: int = 0
    approved_by: str = ""
    seen: str = ""
    """What the last look that found the post there has seen, else the first one, for later ones to compare."""
    detected_at: float = 0.0
    """First event of the takedown."""

    @property
    def due(self) -> datetime | None:
        """Time by which the removal is due, None before the first notice."""
        return datetime.fromtimestamp(self.due_at, UTC) if self.due_at is not None else None


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


def begun(progress: Progress, state: State, at: float) -> Progress:
    """Return the progress after an event that begins a round: an issue, a removal or a reappearance."""
    fresh = Progress(state=state, case_id=progress.case_id, platform=progress.platform, since=at)
    kept = {name: getattr(progress, name) for name in ("minor", "needs_approval", "dry", "n_attempts", "n_looks",
            "n_reminders", "n_escalations", "approved_by", "seen", "detected_at")}  # fmt: skip
    return msgspec.structs.replace(fresh, **kept)


def sent(progress: Progress, at: float, due_at: float) -> Progress:
    """Return the progress after a notice that the platform has taken."""
    first_at = progress.first_at if progress.first_at is not None else at
    due_at = progress.due_at if progress.due_at is not None else due_at
    return msgspec.structs.replace(
        progress,
        notices=progress.notices + 1,
        n_attempts=progress.n_attempts + 1,
        failures=0,
        first_at=first_at,
        last_at=at,
        due_at=due_at,
        escalate_at=progress.escalate_at if progress.escalate_at is not None else due_at,
    )


def failed(progress: Progress, at: float, retry_after_s: float | None, jitter: float) -> Progress:
    """Return the progress after a failed attempt: it is repeated, or the channel is given up.

    Parameters
    ----------
    jitter
        From 0 to 1: spreads the retries of many takedowns over half of the wait.
    """
    failures = progress.failures + 1
    wait_s = RETRIES_S[min(failures, len(RETRIES_S)) - 1] * (1 + jitter / 2)
    if retry_after_s is not None:
        wait_s = max(wait_s, min(retry_after_s, _RETRIES_MAX_S))
    given_up = failures > len(RETRIES_S)
    return msgspec.structs.replace(
        progress,
        n_attempts=progress.n_attempts + 1,
        failures=failures,
        retry_at=at + wait_s,
        escalate_at=at if given_up else progress.escalate_at,
    )


def refused(progress: Progress, at: float) -> Progress:
    """Return the progress after a refusal: no repeat through this channel, the next one now."""
    return msgspec.structs.replace(
        progress, escalate_at=at, notices=_NO_MORE_NOTICES, failures=0, last_at=progress.last_at or at
    )


def escalated(progress: Progress, at: float) -> Progress:
    """Return the progress with the next channel in use."""
    return msgspec.structs.replace(
        progress,
        channel=progress.channel + 1,
        notices=0,
        failures=0,
        last_at=None,
        since=at,
        escalate_at=at + _ESCALATION_S,
        n_escalations=progress.n_escalations + 1,
    )


def reminded(progress: Progress) -> Progress:
    """Return the progress after a reminder."""
    return msgspec.structs.replace(progress, reminded=progress.reminded + 1, n_reminders=progress.n_reminders + 1)


def looked(progress: Progress, seen: str) -> Progress:
    """Return the progress after a look, with what it has seen if later ones should compare with it."""
    counted = not progress.look_now and (progress.checked or progress.state in GONE)
    return msgspec.structs.replace(
        progress,
        checked=True,
        look_now=False,
        looked=progress.looked + counted,
        n_looks=progress.n_looks + 1,
        seen=seen or progress.seen,
    )
