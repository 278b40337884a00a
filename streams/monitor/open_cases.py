"""Open cases, from the keys of the cases topic and the entries of their policies."""

import sqlite3
from typing import NamedTuple

from schemas.messages import Case
from streams.monitor.followed_topic import FollowedTopic
from streams.settings import Settings
from streams.telemetry import metrics

_CACHE_KIB = 8 * 1024
_SCHEMA = f"""
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -{_CACHE_KIB};
CREATE TABLE pieces (
    case_id BLOB, reference_id BLOB, rest BLOB, PRIMARY KEY (case_id, reference_id, rest)
) WITHOUT ROWID;
"""


class Opened(NamedTuple):
    """What the four-eyes rule needs of an open case."""

    opened_by: str
    opened_s: float
    four_eyes: bool


class OpenCases(FollowedTopic):
    """Open cases and the ids of their references; descriptors are not decoded.

    A case has a policy entry, whose key is its id; the other keys have a slash. An allow-list has no policy. The keys
    of references are in a private temporary database: `_CACHE_KIB` are in memory, the rest in an unlinked file.
    """

    def __init__(self, settings: Settings) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(_SCHEMA)
        self._database.execute("BEGIN")  # for ever: nothing is kept beyond the process
        self.opened: dict[bytes, Opened] = {}
        """Open cases by id."""
        self.changed: set[bytes] = set()
        """Ids of cases of which an entry has changed."""
        super().__init__(settings, "cases")

    def close(self) -> None:
        """Close the connection and drop the state."""
        super().close()
        self._database.close()

    def set_metrics(self) -> None:
        """Set the metric of open cases."""
        metrics.OPEN_CASES.set(len(self.opened))

    def references(self, case_id: bytes) -> set[str]:
        """Return the ids of a case's references."""
        found = self._database.execute("SELECT DISTINCT reference_id FROM pieces WHERE case_id = ?", (case_id,))
        return {reference_id.decode(errors="replace") for (reference_id,) in found}

    def clear(self) -> None:
        """Empty the state."""
        self.changed.update(self.opened)
        self.opened.clear()
        self._database.execute("DELETE FROM pieces")

    def apply(self, key: bytes, value: bytes | None) -> None:
        """Add or remove an entry."""
        case_id, slash, piece = key.partition(b"/")
        self.changed.add(case_id)
        if slash:
            reference_id, _, rest = piece.partition(b"/")
            change = "DELETE FROM pieces WHERE case_id = ? AND reference_id = ? AND rest = ?"
            put = "INSERT OR IGNORE INTO pieces VALUES (?, ?, ?)"
            self._database.execute(change if value is None else put, (case_id, reference_id, rest))
        elif value is None:
            self.opened.pop(key, None)
        elif (case := self.decoded(Case, key, value)) is not None and case.policy is not None:
            self.opened[key] = Opened(case.opened_by, case.opened_at.timestamp(), case.policy.four_eyes)
