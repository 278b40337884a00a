"""Decisions of reviewers that are written after a time in which they can be undone."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import structlog

from schemas.messages import Label
from streams.cases.labels import label_key
from streams.console.sessions import Identity

log = structlog.get_logger()

UNDO_S = 30.0
MAX_PENDING = 500
"""Decisions that wait to be written; more are refused until some are."""
_KEPT_FAULTS = 20


type Write = Callable[[Label, Identity], Awaitable[None]]


class TooManyError(Exception):
    """Too many decisions wait to be written: the broker does not accept them."""


@dataclass(slots=True)
class Pending:
    """A decision that is not written yet."""

    label: Label
    by: Identity
    due_at: datetime
    """When it is written."""
    batch: str
    """Key of the first of the posts that were decided on together, which are undone together."""
    allow: bool = False
    """Whether the media of the post, which is not a copy, are allowed then."""
    is_being_written: bool = False
    task: "asyncio.Task[None] | None" = field(default=None, repr=False)


class Fault(NamedTuple):
    """What could not be done of a decision."""

    label: Label
    why: str
    is_written: bool
    """Whether the label is written, and only the media are not allowed; else the job waits in the queue again."""


class Decisions:
    """Delayed decisions; what is not undone is written once, also when the console stops.

    Parameters
    ----------
    write
        Writes a label of a person, and returns once the store has it.
    allow
        Allows the media of a labelled post, and returns once the store has the allow-list.
    undo_s
        Time in which a decision can be undone, s.
    """

    def __init__(self, write: Write, allow: Write, undo_s: float = UNDO_S) -> None:
        self._write, self._allow = write, allow
        self._undo_s = undo_s
        self._pending: dict[str, Pending] = {}
        self.faults: list[Fault] = []
        """The newest ones."""

    def pending(self, reviewer: str) -> list[list[Pending]]:
        """Return a reviewer's decisions that are not written yet, those made together in one list, the newest first."""
        batches: dict[str, list[Pending]] = {}
        for one in self._pending.values():
            if one.label.reviewer == reviewer:
                batches.setdefault(one.batch, []).append(one)
        return list(batches.values())[::-1]

    def faults_of(self, reviewer: str) -> list[Fault]:
        """Return what could not be done of a reviewer's decisions; the newest ones last."""
        return [fault for fault in self.faults if fault.label.reviewer == reviewer]

    def find(self, key: str) -> Pending | None:
        """Return the decision on a post and case that is not written yet, None without one."""
        return self._pending.get(key)

    def keys(self) -> frozenset[str]:
        """Return the keys of posts and cases whose decisions are not written yet."""
        return frozenset(self._pending)

    def decide(self, *labels: Label, by: Identity, allow: bool = False) -> bool:
        """Take decisions, to be written later; False, and none is taken, if one of the posts and cases has one already.

        With `allow` the media of the posts are allowed too.

        Raises
        ------
        TooManyError
            Too many wait.
        """
        keyed = {label_key(label.post_id, label.case_id): label for label in labels}
        if keyed.keys() & self._pending.keys():
            return False
        if len(self._pending) + len(keyed) > MAX_PENDING:
            raise TooManyError
        due_at, batch = datetime.now(UTC) + timedelta(seconds=self._undo_s), next(iter(keyed), "")
        for key, label in keyed.items():
            pending = self._pending[key] = Pending(label, by, due_at, batch, allow)
            pending.task = asyncio.create_task(self._write_later(key, pending))
        return True

    def undo(self, key: str, reviewer: str) -> int:
        """Drop a reviewer's decision and those made together with it; return how many, but those being written."""
        asked = self._pending.get(key)
        if asked is None or asked.label.reviewer != reviewer:
            return 0
        batch = [(one, its) for one, its in self._pending.items() if its.batch == asked.batch]
        undone = [(one, its) for one, its in batch if not its.is_being_written]
        for one, its in undone:
            del self._pending[one]
            if its.task is not None:
                its.task.cancel()
        return len(undone)

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
        pending.is_being_written, is_written = True, False
        try:
            await self._write(pending.label, pending.by)
            is_written = True
            if pending.allow:
                await self._allow(pending.label, pending.by)
        except Exception as error:  # noqa: BLE001 - shown to the person, whatever it is
            log.warning("media not allowed" if is_written else "decision not written", error=type(error).__name__)
            self.faults = [*self.faults, Fault(pending.label, str(error), is_written)][-_KEPT_FAULTS:]
        finally:
            self._pending.pop(key, None)
