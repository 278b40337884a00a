"""Chains of takedowns: every event against its content, its signature and the event before it.

What was read is kept in a temporary SQLite database, of which little is in memory, however long the log is.
"""

from collections.abc import Iterator

from schemas.codec import Codec, WireError
from schemas.messages import Takedown
from streams.audit.trusted_keys import TrustedKeys
from streams.desk.audit.finding import Finding, Kind, Record
from streams.desk.audit.scratch import scratch_database
from streams.takedown.accepted import Acceptance
from streams.takedown.hashed import is_hashed
from streams.takedown.signed import signature_fault

_TABLES = """
CREATE TABLE last (takedown TEXT PRIMARY KEY, hash BLOB, sequence INTEGER) WITHOUT ROWID;
CREATE TABLE seen (hash BLOB PRIMARY KEY, position INTEGER) WITHOUT ROWID;
CREATE TABLE bad (
  takedown TEXT PRIMARY KEY, kind TEXT, partition INTEGER, position INTEGER, event TEXT, case_id TEXT, words TEXT,
  expected BLOB
) WITHOUT ROWID;
"""


class TakedownChains:
    """Verification of the events of all takedowns, in the order of their topic.

    Parameters
    ----------
    accepted
        What persons have accepted: by takedown and partition, the offset up to which it is passed over.
    """

    def __init__(self, codec: Codec, keys: TrustedKeys, accepted: dict[tuple[str, int], int]) -> None:
        self._codec = codec
        self._keys = keys
        self._accepted = accepted
        self._signed: set[int] = set()
        self._database = scratch_database(_TABLES)
        self.n_verified = self.n_unsigned = self.n_accepted = self.n_at_once = 0

    def apply(self, record: Record) -> None:
        """Verify one record."""
        try:
            event = self._codec.decode(record.topic, record.value or b"")
        except WireError as error:
            key = (record.key or b"").decode(errors="replace")
            self._keep(record, key, "altered", f"it cannot be read: {error.detail}")
            return
        assert isinstance(event, Takedown)
        if self._is_right(event, record):
            self._link(event, record)

    def findings(self, case_id: str = "") -> Iterator[Finding]:
        """Yield the first finding of each takedown, in the order of the log."""
        rows = self._database.execute(
            "SELECT * FROM bad WHERE ? IN ('', case_id) ORDER BY partition, position", (case_id,)
        )
        for takedown_id, kind, partition, offset, event_id, of_case, words, expected in rows.fetchall():
            came_later = expected is not None and self._seen(expected) is not None
            yield Finding(
                kind="reordered" if came_later else kind, topic="takedowns", partition=partition, offset=offset,
                event_id=event_id, takedown_id=takedown_id, case_id=of_case,
                words=f"the event before it comes later, at offset {self._seen(expected)}" if came_later else words,
            )  # fmt: skip

    def _is_right(self, event: Takedown, record: Record) -> bool:
        """Return whether an event by itself is right: its key, its hash, its signature, and that it is not repeated."""
        if record.key != event.takedown_id.encode():
            return self._keep(record, event, "altered", "the record's key is not its takedown")
        if not is_hashed(event):
            return self._keep(record, event, "altered", "its content is not what its hash is of")
        fault = signature_fault(event, self._keys)
        if fault is not None and (fault != "unsigned" or record.partition in self._signed):
            return self._keep(record, event, "forged", f"{fault} {event.key_id}".strip())
        if (earlier := self._seen(event.hash)) is not None:
            return self._keep(record, event, "replayed", f"the same event as at offset {earlier}")
        self.n_unsigned += fault is not None
        if fault is None:
            self._signed.add(record.partition)
        return True

    def _link(self, event: Takedown, record: Record) -> None:
        find = "SELECT hash, sequence FROM last WHERE takedown = ?"
        last_hash, sequence = self._database.execute(find, (event.takedown_id,)).fetchone() or (b"", 0)
        known = not event.previous or self._seen(event.previous) is not None
        self._database.execute("INSERT INTO seen VALUES (?, ?)", (event.hash, record.offset))
        if event.previous != last_hash and known and event.sequence <= sequence:
            self.n_at_once += 1  # two workers wrote at once: the second event is ignored by all
            return
        if event.previous != last_hash:
            self._keep(
                record, event, "missing", "the event before it is not in the log", None if known else event.previous
            )
        self.n_verified += 1
        update = "INSERT OR REPLACE INTO last VALUES (?, ?, ?)"
        self._database.execute(update, (event.takedown_id, event.hash, event.sequence))

    def _seen(self, hashed: bytes) -> int | None:
        found = self._database.execute("SELECT position FROM seen WHERE hash = ?", (hashed,)).fetchone()
        return int(found[0]) if found is not None else None

    def _keep(self, record: Record, of: Takedown | str, kind: Kind, words: str, expected: bytes | None = None) -> bool:
        """Keep the first finding of a takedown; return False."""
        takedown_id, event_id, case_id = (
            (of, "", "") if isinstance(of, str) else (of.takedown_id, of.event_id, of.case_id)
        )
        if record.offset < self._accepted.get((takedown_id, record.partition), 0):
            self.n_accepted += 1
            return False
        row = (takedown_id, kind, record.partition, record.offset, event_id, case_id, words, expected)
        self._database.execute("INSERT OR IGNORE INTO bad VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        return False


def latest(acceptances: dict[tuple[str, int], int], accepted: Acceptance) -> None:
    """Keep what reaches furthest."""
    place = accepted.takedown_id, accepted.partition
    acceptances[place] = max(acceptances.get(place, 0), accepted.until)
