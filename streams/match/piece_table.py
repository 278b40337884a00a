"""Pieces of all active references by their key in the topic of cases, with the vectors in a file."""

import threading
from pathlib import Path

from schemas.messages import Case
from streams.match.piece import Piece
from streams.match.piece_file import PieceFile


class PieceTable:
    """Pieces of the active references; an erased one is erased from the file at once.

    Parameters
    ----------
    folder
        Folder for the vectors; None keeps them in memory.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._file = None if folder is None else PieceFile(folder)
        self._lock = threading.Lock()
        self._pieces: dict[str, Piece] = {}
        self.reach = -1
        """Offset in the topic of cases of the newest reference; -1 without one."""

    def put(self, key: str, entry: Case, offset: int) -> None:
        """Take in an entry of a case; one without a reference only replaces an earlier one.

        The offset belongs to the piece's token: a piece that was erased and written again is a new one, because it was
        not compared with the posts in between.
        """
        self.erase(key)
        if entry.reference is None:
            return
        number = 0 if self._file is None else self._file.add(entry.reference)
        piece = Piece.of(f"{key}@{offset}", entry, entry.reference, self._file, number)
        with self._lock:
            self._pieces[key] = piece
            self.reach = max(self.reach, offset)

    def erase(self, key: str) -> None:
        """Erase the piece of this key, if there is one."""
        with self._lock:
            before = self._pieces.pop(key, None)
        if before is not None and self._file is not None:
            self._file.erase(before.number)

    def pieces(self) -> dict[str, Piece]:
        """Return the pieces by token."""
        with self._lock:
            return {piece.token: piece for piece in self._pieces.values()}
