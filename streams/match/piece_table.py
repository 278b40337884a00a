"""Pieces of all active references by their key in the topic of cases, with the vectors in a file."""

import threading
from functools import partial
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
        self._pieces: dict[str, tuple[str, Piece, int]] = {}

    def put(self, key: str, entry: Case, offset: int) -> None:
        """Take in an entry of a case; one without a reference only replaces an earlier one.

        The offset belongs to the piece's key: a piece that was erased and written again is a new one, because it was
        not compared with the posts in between.
        """
        self.erase(key)
        if entry.reference is None:
            return
        number, load = 0, None
        if self._file is not None:
            number = self._file.add(entry.reference)
            load = partial(self._file.read, number)
        made = f"{key}@{offset}"
        with self._lock:
            self._pieces[key] = made, Piece.of(made, entry, entry.reference, load), number

    def erase(self, key: str) -> None:
        """Erase the piece of this key, if there is one."""
        with self._lock:
            before = self._pieces.pop(key, None)
        if before is not None and self._file is not None:
            self._file.erase(before[2])

    def pieces(self) -> dict[str, Piece]:
        """Return the pieces by key and offset."""
        with self._lock:
            return {key: piece for key, piece, _ in self._pieces.values()}
