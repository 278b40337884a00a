"""Frozen takedowns: those with an event that does not verify, until a person has accepted what is there.

Nothing is done for a frozen takedown: no event is written and no notice sent. What is frozen follows from the topics of
takedowns and acts alone. Rows are in a temporary SQLite database, so that a flood of forged events takes no memory.
"""

import sqlite3
from typing import Any, NamedTuple

import structlog

from schemas.messages import Takedown
from streams.errors import UnprocessableError
from streams.takedown.accepted import Acceptance
from streams.telemetry import metrics

log = structlog.get_logger()

_MOST_LOGGED = 1_000
"""Frozen takedowns of which each gets a line in the log; the metric counts all."""
_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE frozen (
  takedown TEXT, partition INTEGER, event TEXT, reason TEXT, last INTEGER, PRIMARY KEY (takedown, partition)
) WITHOUT ROWID;
CREATE TABLE accepted (
  takedown TEXT, partition INTEGER, until INTEGER, PRIMARY KEY (takedown, partition)
) WITHOUT ROWID;
"""


class Fault(NamedTuple):
    """First event of a takedown that does not verify."""

    event_id: str
    reason: str


class FrozenTakedowns:
    """Frozen takedowns by id, and what persons have accepted."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(_SCHEMA)
        self._n_frozen = 0

    def __len__(self) -> int:
        return self._n_frozen

    def freeze(self, event: Takedown, partition: int, offset: int, reason: str) -> None:
        """Freeze a takedown for an event, unless a person has accepted what is there up to a later offset."""
        place = (event.takedown_id, partition)
        accepted = self._one("SELECT until FROM accepted WHERE takedown = ? AND partition = ?", place)
        if accepted is not None and offset < accepted[0]:
            return
        if self._one("SELECT 1 FROM frozen WHERE takedown = ? AND partition = ?", place) is None:
            if len(self) < _MOST_LOGGED:
                log.error(
                    "takedown frozen: nothing is done for it until a person decides: `jikimi audit accept EVENT`",
                    takedown=event.takedown_id, event_id=event.event_id, state=event.state, partition=partition,
                    offset=offset, reason=reason,
                )  # fmt: skip
            self._database.execute(
                "INSERT INTO frozen VALUES (?, ?, ?, ?, ?)", (*place, event.event_id, reason, offset)
            )
            self._count(+1)
        self._database.execute("UPDATE frozen SET last = ? WHERE takedown = ? AND partition = ?", (offset, *place))

    def accept(self, acceptance: Acceptance) -> bool:
        """Accept what is there of a takedown up to an offset; return whether this ends its freeze."""
        takedown_id, partition, until = acceptance
        latest = "INSERT INTO accepted VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET until = max(until, excluded.until)"
        self._database.execute(latest, acceptance)
        ended = "DELETE FROM frozen WHERE takedown = ? AND partition = ? AND last < ?"
        n_ended = self._database.execute(ended, (takedown_id, partition, until)).rowcount
        self._count(-n_ended)
        return n_ended > 0 and self.fault(takedown_id) is None

    def fault(self, takedown_id: str) -> Fault | None:
        """Return the event for which a takedown is frozen, None if it is not."""
        if not self._n_frozen:
            return None
        found = self._one("SELECT event, reason FROM frozen WHERE takedown = ? LIMIT 1", (takedown_id,))
        return Fault(*found) if found is not None else None

    def require_unfrozen(self, takedown_id: str) -> None:
        """Return if a takedown is not frozen.

        Raises
        ------
        UnprocessableError
            It is frozen.
        """
        if (fault := self.fault(takedown_id)) is not None:
            raise UnprocessableError(
                "takedown_frozen",
                f"takedown {takedown_id}: event {fault.event_id} does not verify ({fault.reason}): "
                "decide by `jikimi audit accept`, then redrive",
            )

    def _one(self, query: str, values: tuple[object, ...]) -> tuple[Any, ...] | None:
        found: tuple[Any, ...] | None = self._database.execute(query, values).fetchone()
        return found

    def _count(self, change: int) -> None:
        self._n_frozen += change
        metrics.TAKEDOWNS_FROZEN.set(self._n_frozen)
