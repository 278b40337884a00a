"""States of a partition by key: in memory up to a limit, in a file without a name beyond it.

The file is a temporary database of SQLite (https://sqlite.org/inmemorydb.html#temporary_databases): only pages that its
cache cannot hold are written, nothing is synced, and the kernel deletes it with the process. A topic has the states.
"""

import sqlite3
from collections.abc import Callable, Iterator, MutableMapping

_CACHE_KIB = 8 * 1024
_OPTIONS = (
    f"cache_size = -{_CACHE_KIB}",
    "journal_mode = OFF",
    "synchronous = OFF",
    "secure_delete = ON",  # posts that are erased are overwritten
)
_PUT = """INSERT INTO states VALUES (?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET due_s = excluded.due_s, value = excluded.value"""
_NEXT_DUE = """SELECT due_s, key FROM states WHERE due_s <= ? AND (due_s, key) > (?, ?) ORDER BY due_s, key LIMIT 1"""


class States(MutableMapping[bytes, bytes]):
    """Values by key, and the keys that are due; for one thread at a time.

    A full disk raises sqlite3.OperationalError.

    Parameters
    ----------
    due_of
        Returns the time at which a value is due, seconds since the epoch; by default none ever is.
    """

    def __init__(self, due_of: Callable[[bytes], float | None] = lambda _: None) -> None:
        self._due_of = due_of
        self._file = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        for option in _OPTIONS:
            self._file.execute(f"PRAGMA {option}")
        self._file.execute("CREATE TABLE states (key BLOB PRIMARY KEY, due_s REAL, value BLOB NOT NULL)")
        self._file.execute("CREATE INDEX due ON states (due_s, key)")

    def __getitem__(self, key: bytes) -> bytes:
        row = self._file.execute("SELECT value FROM states WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise KeyError(key)
        value: bytes = row[0]
        return value

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self._file.execute(_PUT, (key, self._due_of(value), value))

    def __delitem__(self, key: bytes) -> None:
        if self._file.execute("DELETE FROM states WHERE key = ?", (key,)).rowcount == 0:
            raise KeyError(key)

    def __iter__(self) -> Iterator[bytes]:
        return (key for (key,) in self._file.execute("SELECT key FROM states"))

    def __len__(self) -> int:
        number: int = self._file.execute("SELECT count(*) FROM states").fetchone()[0]
        return number

    def due(self, now_s: float) -> Iterator[bytes]:
        """Yield each key that is due, by its time and then by key, also those that become due later meanwhile.

        A key is due until its value is set to a later time, or it is erased.
        """
        last = float("-inf"), b""
        while (row := self._file.execute(_NEXT_DUE, (now_s, *last)).fetchone()) is not None:
            last = row
            yield row[1]
