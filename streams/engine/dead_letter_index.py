"""Index of the dead letters: their description and state, not the originals, in a temporary file without a name."""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from schemas.codec import Codec, WireError
from schemas.messages import DeadLetter
from streams.engine.dead_letter_origin import PREDECESSOR, redrives_of, url_of
from streams.kafka.topic_scan import ScannedRecord

TOPIC = "dead-letters"
State = Literal["open", "redriven", "all"]
_MAX_CHARS = 500
"""Of each text in the index."""
_TABLES = """
PRAGMA journal_mode = OFF;
CREATE TABLE letters (
    id TEXT PRIMARY KEY, partition INT, position INT, at REAL, stage TEXT, reason TEXT, fate TEXT,
    topic TEXT, record TEXT, url TEXT, detail TEXT, predecessor TEXT, redrives INT
);
CREATE INDEX by_time ON letters (at);
CREATE TABLE marks (id TEXT PRIMARY KEY, times INT, last REAL);
"""
_FOUND = "FROM letters LEFT JOIN marks USING (id) WHERE"
_STATES: dict[State, str] = {"open": "times IS NULL", "redriven": "times IS NOT NULL", "all": "TRUE"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Filter of dead letters; None or nothing accepts any."""

    ids: frozenset[str] = frozenset()
    stage: str | None = None
    reason: str | None = None
    since: datetime | None = None

    def accepts(self, letter: DeadLetter) -> bool:
        """Return whether a dead letter is selected."""
        return (
            (not self.ids or letter.dead_letter_id in self.ids)
            and self.stage in {None, letter.stage}
            and self.reason in {None, letter.reason}
            and (self.since is None or letter.at >= self.since)
        )


class Entry(NamedTuple):
    """Description of one dead letter."""

    id: str
    partition: int
    """Where the dead letter itself is."""
    offset: int
    at_s: float
    """Seconds since the epoch."""
    stage: str
    reason: str
    fate: str
    topic: str
    """Topic of the original."""
    record: str
    """Topic, partition and offset of the original, and its key."""
    url: str
    """Of the post that the original belongs to; empty where that is unknown."""
    detail: str
    predecessor: str
    """The dead letter that this one's record was redriven from; empty if it was not."""
    redrives: int
    """Number of redrives before this dead letter."""
    times: int | None
    """Number of redrives of this dead letter; None while it is open."""
    redriven_s: float | None
    """Time of the last of them, seconds since the epoch."""

    @property
    def at(self) -> datetime:
        """Time of the dead letter, UTC."""
        return datetime.fromtimestamp(self.at_s, UTC)


class DeadLetterIndex:
    """Selected dead letters by id; a repeat replaces itself, a redrive mark changes the state.

    SQLite keeps 2 MB in memory, and the rest in a file that it has deleted already: at most 3 KB for each.
    """

    def __init__(self, records: Iterable[ScannedRecord], codec: Codec, selection: Selection) -> None:
        self._database = sqlite3.connect("")
        self._database.executescript(_TABLES)
        self.refused = 0
        """Records that are not dead letters."""
        for record in records:
            self.add(record, codec, selection)

    def close(self) -> None:
        """Close the file, which frees its space."""
        self._database.close()

    def count(self, state: State = "all") -> int:
        """Return the number of selected dead letters in this state."""
        (n_all,) = self._database.execute("SELECT count(*) FROM letters").fetchone()
        (n_redriven,) = self._database.execute("SELECT count(*) FROM marks JOIN letters USING (id)").fetchone()
        return int({"all": n_all, "redriven": n_redriven, "open": n_all - n_redriven}[state])

    def newest(self, state: State = "all", limit: int = -1) -> Iterator[Entry]:
        """Yield the selected dead letters in this state, the newest first; all without a limit."""
        return self._entries(f"{_STATES[state]} ORDER BY at DESC, id LIMIT ?", limit)

    def by_record(self) -> Iterator[Entry]:
        """Yield all selected dead letters by time, those of one record together."""
        return self._entries("TRUE ORDER BY min(at) OVER (PARTITION BY record), record, id")

    def _entries(self, condition: str, *values: int) -> Iterator[Entry]:
        rows = self._database.execute(f"SELECT letters.*, times, last {_FOUND} {condition}", values)
        return map(Entry._make, rows)

    def add(self, record: ScannedRecord, codec: Codec, selection: Selection) -> None:
        """Add a record if it is a selected dead letter, or the mark of a redrive."""
        try:
            letter = codec.decode(TOPIC, record.value or b"")
        except WireError:
            self.refused += 1
            return
        assert isinstance(letter, DeadLetter)
        if letter.redriven_at is not None:
            self._add_mark(letter.dead_letter_id, letter.redriven_at)
        elif selection.accepts(letter):
            row = _row(record, letter, url_of(letter, codec))
            self._database.execute(f"INSERT OR REPLACE INTO letters VALUES ({','.join('?' * len(row))})", row)  # noqa: S608 - likewise

    def _add_mark(self, letter_id: str, at: datetime) -> None:
        count = "times = times + 1, last = max(last, excluded.last)"
        query = f"INSERT INTO marks VALUES (?, 1, ?) ON CONFLICT (id) DO UPDATE SET {count}"  # noqa: S608 - likewise
        self._database.execute(query, (letter_id, at.timestamp()))


def _row(record: ScannedRecord, letter: DeadLetter, url: str) -> tuple[str | int | float, ...]:
    key = "" if letter.key is None else f", key {letter.key.decode(errors='replace')}"
    texts = (
        letter.topic,
        f"{letter.topic} {letter.partition} @ {letter.offset}{key}",
        url,
        letter.detail,
        letter.headers.get(PREDECESSOR, b"").decode(errors="replace"),
    )
    place = (letter.dead_letter_id, record.partition, record.offset, letter.at.timestamp())
    kind = (letter.stage, letter.reason, letter.fate)
    return (*place, *kind, *(text[:_MAX_CHARS] for text in texts), redrives_of(letter))
