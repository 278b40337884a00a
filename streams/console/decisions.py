"""Decisions of reviewers that are written after a time in which they can be undone."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog

from schemas.messages import Label
from streams.cases.labels import label_key
from streams.console.sessions import Identity

log = structlog.get_logger()

UNDO_S = 30.0
MAX_PENDING = 500
"""Decisions that wait to be written; more are refused until some are."""
_KEPT_FAULTS = 20


class TooManyError(Exception):
    """Too many decisions wait to be written: the broker does not accept them."""


@dataclass(slots=True)
class Pending:
    """A decision that is not written yet."""

    label: Label
    by: Identity
    due_at: datetime
    """When it is written."""
    is_being_written: bool = False
    task: "asyncio.Task[None] | None" = field(default=None, repr=False)


class Decisions:
    """Delayed decisions; what is not undone is written once, also when the console stops.

    Parameters
    ----------
    write
        Writes a label of a person, and returns once the store has it.
    undo_s
        Time in which a decision can be undone, s.
    """

    def __init__(self, write: Callable[[Label, Identity], Awaitable[None]], undo_s: float = UNDO_S) -> None:
        self._write = write
        self._undo_s = undo_s
        self._pending: dict[str, Pending] = {}
        self.faults: list[tuple[Label, str]] = []
        """Decisions that could not be written, and why; the newest ones. Their jobs wait in the queue again."""

    def pending(self, reviewer: str) -> list[Pending]:
        """Return the decisions of a reviewer that are not written yet, the newest first."""
        return [one for one in self._pending.values() if one.label.reviewer == reviewer][::-1]

    def faults_of(self, reviewer: str) -> list[tuple[Label, str]]:
        """Return the decisions of a reviewer that could not be written, and why; the newest ones last."""
        return [(label, why) for label, why in self.faults if label.reviewer == reviewer]

    def find(self, key: str) -> Pending | None:
        """Return the decision on a post and case that is not written yet, None without one."""
        return self._pending.get(key)

    def keys(self) -> frozenset[str]:
        """Return the keys of posts and cases whose decisions are not written yet."""
        return frozenset(self._pending)

    def decide(self, label: Label, by: Identity) -> bool:
        """Take a decision, to be written later; False if one on the same post and case waits already.

        Raises
        ------
        TooManyError
            Too many wait.
        """
        key = label_key(label.post_id, label.case_id)
        if key in self._pending:
            return False
        if len(self._pending) >= MAX_PENDING:
            raise TooManyError
        pending = Pending(label, by, datetime.now(UTC) + timedelta(seconds=self._undo_s))
        self._pending[key] = pending
        pending.task = asyncio.create_task(self._write_later(key, pending))
        return True

    def undo(self, key: str, reviewer: str) -> bool:
        """Drop a decision of a reviewer; False if it is written, being written, another's, or never was."""
        pending = self._pending.get(key)
        if pending is None or pending.is_being_written or pending.label.reviewer != reviewer:
            return False
        del self._pending[key]
        if pending.task is not None:
            pending.task.cancel()
        return True

    async def flush(self) -> None:
        """Write what waits, now."""
        for key, pending in list(self._pending.items()):
            if not pending.is_being_written:
                if pending.task is not None:
                    pending.task.cancel()
                await self._write_now(key, pending)
            elif pending.task is not None:
                await asyncio.wait([pending.task])

    async def _write_later(self, key: str, pending: Pending) -> None:
        await asyncio.sleep(self._undo_s)
        await self._write_now(key, pending)

    async def _write_now(self, key: str, pending: Pending) -> None:
        pending.is_being_written = True
        try:
            await self._write(pending.label, pending.by)
        except Exception as error:  # noqa: BLE001 - shown to the person, whatever it is
            log.warning("decision not written", error=type(error).__name__)
            self.faults = [*self.faults, (pending.label, str(error))][-_KEPT_FAULTS:]
        finally:
            self._pending.pop(key, None)
