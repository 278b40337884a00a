"""Progress of the archive: how far each partition is archived, and which reference pieces were searched in it."""

import sqlite3
import threading
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

_SCHEMA = """
PRAGMA secure_delete = ON;
CREATE TABLE IF NOT EXISTS ends (part INTEGER PRIMARY KEY, end INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS searched (token TEXT, part INTEGER, PRIMARY KEY (token, part)) WITHOUT ROWID;
"""

_VERSION = 1
"""Of the rows of the archive."""
_MARK_END = "INSERT INTO ends VALUES (?, ?) ON CONFLICT (part) DO UPDATE SET end = max(end, excluded.end)"
_ERASE = """
DELETE FROM ends;
DELETE FROM searched;
PRAGMA user_version = 1;
"""


class Progress:
    """Progress in SQLite; deleted rows are overwritten, so that nothing of a withdrawn case is left in the file.

    A row per partition, and one per reference piece and partition. Safe to call from any thread.
    """

    def __init__(self, file: Path) -> None:
        self._database = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        self._lock = threading.Lock()
        self._database.executescript(_SCHEMA)
        self._erase_older()

    def _erase_older(self) -> None:
        """Erase the progress of an archive of an earlier version, whose slices are dropped and read again."""
        if self._database.execute("PRAGMA user_version").fetchone() != (_VERSION,):
            self._database.executescript(_ERASE)

    def end(self, partition: int) -> int:
        """Return the offset below which the partition is archived in full, 0 before the first `mark_ends`."""
        rows = self._read("SELECT end FROM ends WHERE part = ?", partition)
        return int(rows[0][0]) if rows else 0

    def mark_ends(self, ends: Mapping[int, int]) -> None:
        """Store the offset below which each partition is archived in full; a lower one than before is ignored."""
        self._write(_MARK_END, ends.items())

    def searched(self, partition: int) -> set[str]:
        """Return the tokens of the reference pieces already searched in this partition."""
        return {token for (token,) in self._read("SELECT token FROM searched WHERE part = ?", partition)}

    def mark_searched(self, partitions: Collection[int], token: str) -> None:
        """Store that this piece was searched in these partitions and its scores were delivered."""
        self._write("INSERT OR IGNORE INTO searched VALUES (?, ?)", [(token, partition) for partition in partitions])

    def keep_searched(self, existing: Collection[str]) -> None:
        """Erase the tokens of all pieces but these, in every partition, also those that other workers have now."""
        stored = {token for (token,) in self._read("SELECT DISTINCT token FROM searched")}
        self.erase_searched(stored.difference(existing))

    def erase_searched(self, tokens: Iterable[str]) -> None:
        """Erase these tokens, in every partition."""
        self._write("DELETE FROM searched WHERE token = ?", ((token,) for token in tokens))

    def close(self) -> None:
        """Release the file."""
        self._database.close()

    def _read(self, query: str, *values: int) -> list[tuple[str]]:
        with self._lock:
            return self._database.execute(query, values).fetchall()

    def _write(self, statement: str, rows: Iterable[tuple[int | str, ...]]) -> None:
        with self._lock:
            self._database.execute("BEGIN")
            with self._database:  # commits, or rolls back
                self._database.executemany(statement, rows)
