"""Vectors of all references in a file beside the archive, so that they take no memory."""

import sqlite3
import threading
from pathlib import Path

import msgspec

from schemas.messages import Reference

_SETTINGS = """
PRAGMA page_size = 32768;
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA secure_delete = ON;
PRAGMA cache_size = -256;
CREATE TABLE pieces (id INTEGER PRIMARY KEY AUTOINCREMENT, piece BLOB NOT NULL);
"""


class PieceFile:
    """Pieces in SQLite; safe to call from any thread. An erased piece is overwritten with zeros at once.

    The file has no name, so that it ends with the process, and a new worker reads the pieces from the topic of cases.

    Parameters
    ----------
    folder
        Folder of a file system with room for all references: about 0.7 MB for a minute.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "references.sqlite"
        file.unlink(missing_ok=True)
        self._lock = threading.Lock()
        self._database = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        self._database.executescript(_SETTINGS)
        file.unlink()
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(Reference).decode

    def add(self, piece: Reference) -> int:
        """Store a piece and return its number."""
        stored = self._encode(piece)
        with self._lock:
            return int(self._database.execute("INSERT INTO pieces (piece) VALUES (?)", (stored,)).lastrowid or 0)

    def read(self, number: int) -> Reference | None:
        """Return a piece, None if it was erased."""
        with self._lock:
            row = self._database.execute("SELECT piece FROM pieces WHERE id = ?", (number,)).fetchone()
        return None if row is None else self._decode(row[0])

    def erase(self, number: int) -> None:
        """Erase a piece; no other piece gets its number before the file ends."""
        with self._lock:
            self._database.execute("DELETE FROM pieces WHERE id = ?", (number,))

    def close(self) -> None:
        """Release the file, with all that is in it."""
        self._database.close()
