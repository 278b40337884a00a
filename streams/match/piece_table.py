"""Pieces of all active references by their key in the topic of cases, with the vectors in a file."""

from itertools import count
from pathlib import Path
from typing import NamedTuple

from schemas.messages import Case
from streams.match.piece import Piece
from streams.match.piece_file import PieceFile


class Change(NamedTuple):
    """What differs between two states of the references: what to remove first, then what to add."""

    removed: list[Piece]
    added: list[Piece]


class PieceTable:
    """Pieces of the active references; an erased one is erased from the file at once.

    Parameters
    ----------
    folder
        Folder for the vectors; None keeps them in memory.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._file = None if folder is None else PieceFile(folder)
        self._numbers = count()
        self._pieces: dict[str, Piece] = {}
        self._removed: list[Piece] = []
        self._added: dict[str, Piece] = {}
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
        number = next(self._numbers) if self._file is None else self._file.add(entry.reference)
        self._pieces[key] = self._added[key] = Piece.of(f"{key}@{offset}", entry, entry.reference, self._file, number)
        self.reach = max(self.reach, offset)

    def erase(self, key: str) -> None:
        """Erase the piece of this key, if there is one."""
        if (before := self._pieces.pop(key, None)) is None:
            return
        if self._added.pop(key, None) is None:
            self._removed.append(before)
        if self._file is not None:
            self._file.erase(before.number)

    def change(self) -> Change:
        """Return what has changed since the last call, or the start."""
        change = Change(self._removed, list(self._added.values()))
        self._removed, self._added = [], {}
        return change
