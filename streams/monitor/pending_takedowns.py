"""Pending takedowns: their number and age by state, from the takedowns topic."""

import sqlite3
from collections import Counter
from hashlib import blake2b
from typing import get_args

from schemas.messages import State, Takedown
from streams.monitor.followed_topic import FollowedTopic
from streams.settings import Settings
from streams.takedown.life import pending
from streams.telemetry import metrics

_CLOCKS_S = {"24h": 24 * 3600.0, "48h": 48 * 3600.0}
_STATES = tuple(state for state in get_args(State) if pending(state) or state == "held")
"""A law's clock runs on while a takedown is held."""

_CACHE_KIB, _ID_BYTES = 16 * 1024, 12
_SCHEMA = f"""
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -{_CACHE_KIB};
CREATE TABLE pending (id BLOB PRIMARY KEY, state TEXT NOT NULL, since_s REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX by_age ON pending (state, since_s);
"""


class PendingTakedowns(FollowedTopic):
    """Takedowns with an open request to a platform, and held ones: state over the whole takedowns topic.

    They are in a private temporary database, of which `_CACHE_KIB` are in memory and the rest in an unlinked file.
    """

    def __init__(self, settings: Settings) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(_SCHEMA)
        # One transaction for ever: nothing is kept beyond the process.
        self._database.execute("BEGIN")
        self._numbers: Counter[State] = Counter()
        super().__init__(settings, "takedowns")

    def close(self) -> None:
        """Close the connection and drop the state."""
        super().close()
        self._database.close()

    def set_metrics(self, now_s: float) -> None:
        """Set the metrics of pending takedowns; the work grows with the overdue ones only."""
        for state in _STATES:
            oldest_s = self._one("SELECT min(since_s) FROM pending WHERE state = ?", state) or now_s
            metrics.TAKEDOWNS_PENDING.labels(state).set(self._numbers[state])
            metrics.TAKEDOWN_AGE_SECONDS.labels(state).set(max(0.0, now_s - oldest_s))
        for clock, limit_s in _CLOCKS_S.items():
            older = "SELECT count(*) FROM pending WHERE state = ? AND since_s < ?"
            overdue = sum(self._one(older, state, now_s - limit_s) or 0 for state in _STATES)
            metrics.TAKEDOWNS_OVERDUE.labels(clock).set(overdue)

    def clear(self) -> None:
        """Empty the state."""
        self._database.execute("DELETE FROM pending")
        self._numbers.clear()

    def apply(self, key: bytes, value: bytes | None) -> None:
        """Apply one event."""
        event = self.decoded(Takedown, key, value or b"")
        if event is None:
            return
        takedown_id = blake2b(event.takedown_id.encode(), digest_size=_ID_BYTES).digest()
        delete = "DELETE FROM pending WHERE id = ? RETURNING state, since_s"
        before = self._database.execute(delete, (takedown_id,)).fetchone()
        if before is not None:
            self._numbers[before[0]] -= 1
        if event.state in _STATES:
            since_s = event.at.timestamp() if before is None else before[1]
            self._database.execute("INSERT INTO pending VALUES (?, ?, ?)", (takedown_id, event.state, since_s))
            self._numbers[event.state] += 1

    def _one(self, query: str, *values: object) -> float | None:
        found: float | None = self._database.execute(query, values).fetchone()[0]
        return found
