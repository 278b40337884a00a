"""How far the files of past hashes were compared with each list."""

import sqlite3
import threading
from collections.abc import Collection, Iterable
from pathlib import Path

_SCHEMA = """
PRAGMA secure_delete = ON;
CREATE TABLE IF NOT EXISTS marks (list TEXT, file TEXT, at INTEGER, PRIMARY KEY (list, file)) WITHOUT ROWID;
"""


class ListMarks:
    """Marks in SQLite and in memory, a row per list and file; safe to call from any thread.

    Of a list it has the name and times of imports; those of a withdrawn one are overwritten.
    """

    def __init__(self, file: Path) -> None:
        self._database = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        self._database.executescript(_SCHEMA)
        self._lock = threading.Lock()
        rows = self._database.execute("SELECT list, file, at FROM marks").fetchall()
        self._marks: dict[tuple[str, str], int] = {(list_id, name): at for list_id, name, at in rows}

    def mark(self, list_id: str, file: str) -> int:
        """Return the time up to which entries of a list were compared with a file, 0 before the first."""
        return self._marks.get((list_id, file), 0)

    def put(self, list_id: str, file: str, at: int) -> None:
        """Store that the entries of a list until a time were compared with a file, and the scores delivered."""
        self._write("INSERT OR REPLACE INTO marks VALUES (?, ?, ?)", [(list_id, file, at)])
        self._marks[list_id, file] = at

    def keep(self, lists: Collection[str], files: Collection[str]) -> None:
        """Erase the marks of all lists and files but these."""
        gone = [one for one in self._marks if one[0] not in lists or one[1] not in files]
        self._write("DELETE FROM marks WHERE list = ? AND file = ?", gone)
        for one in gone:
            del self._marks[one]

    def close(self) -> None:
        """Release the file."""
        self._database.close()

    def _write(self, statement: str, rows: Iterable[tuple[str | int, ...]]) -> None:
        with self._lock:
            self._database.execute("BEGIN")
            with self._database:  # commits, or rolls back
                self._database.executemany(statement, rows)
