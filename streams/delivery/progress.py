"""Progress of one takedown's delivery: what was done for it, and the state that it has reached."""

from datetime import UTC, datetime

import msgspec

from schemas.messages import State


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
