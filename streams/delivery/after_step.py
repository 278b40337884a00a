"""Progress of a delivery after each kind of step or event, as pure functions; all times are seconds since the epoch."""

import msgspec

from schemas.messages import State
from streams.delivery.progress import Progress
from streams.takedown.life import GONE

_MINUTE_S, _HOUR_S, _DAY_S = 60.0, 3600.0, 86_400.0
RETRIES_S = (_MINUTE_S, 5 * _MINUTE_S, 15 * _MINUTE_S, _HOUR_S, 6 * _HOUR_S)
"""Waits after failed attempts in a row, unless the platform names a time; then the channel is given up."""
_RETRIES_MAX_S = 2 * _DAY_S
"""Longest wait that a platform's answer can ask for."""
_ESCALATION_S = 24 * _HOUR_S
"""Time for each further channel."""
_NO_MORE_NOTICES = 1_000_000
"""Notices that a channel which has refused counts as having had: above the limit of every platform."""


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


def reached(progress: Progress, state: State | None) -> Progress:
    """Return the progress with the state that the takedown has reached; unchanged for None."""
    return msgspec.structs.replace(progress, state=state) if state is not None else progress
