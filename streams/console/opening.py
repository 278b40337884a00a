"""One case being opened or extended: its progress, the concerns about it, and the answer that its person gives."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from schemas.messages import Reference
from streams.desk.concerns import Concern
from streams.desk.new_case import DESCRIBING, LOADING
from streams.rights.person import Person

PATIENCE_S = 3600.0
"""Longest wait for the person's answer; then nothing is written."""
type Stage = Literal["describing", "asking", "writing", "opened", "dropped", "failed"]


class DroppedError(Exception):
    """The person does not want the case."""


@dataclass(slots=True)
class Leaving:
    """What leaves this machine when the case is written."""

    frames: int = 0
    sounds: int = 0
    texts: int = 0
    n_bytes: int = 0


@dataclass(slots=True)
class Opening:
    """One case being opened or extended; a thread describes it, the pages show it."""

    opening_id: str
    name: str
    by: Person
    extends: str = ""
    """Open case that files or terms are added to; empty where a case is opened."""
    stage: Stage = "describing"
    progress: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Seconds described and in all, by file; of the models' loading under the empty name."""
    concerns: list[Concern] = field(default_factory=list)
    leaving: Leaving | None = None
    case_id: str = ""
    fault: str = ""
    no_medium: str = ""
    """Name of the file that is no picture, video or sound, if that is the fault."""
    where: str = ""
    """Folder of the uploads, which no sentence names."""
    _is_closed: bool = False
    _answers: threading.Event = field(default_factory=threading.Event)
    _wanted: bool = False
    _n_asked: int = 0

    def answer(self, *, wanted: bool) -> bool:
        """Go on or stop; False if nothing is asked, as after a double click."""
        if self.stage != "asking" or self._answers.is_set():
            return False
        self._wanted = wanted
        self._answers.set()
        return True

    def show(self, what: str, done: float, total: float) -> None:
        """Take in progress.

        Raises
        ------
        DroppedError
            The console stops.
        """
        if self._is_closed:
            raise DroppedError
        self.progress["" if what == LOADING else self.plain(what.removeprefix(DESCRIBING))] = done, total

    def plain(self, text: str) -> str:
        """Return a text without the folder of the uploads."""
        return text.replace(self.where, "") if self.where else text

    def close(self) -> None:
        """Stop at the next step; what is being written is written whole."""
        self._is_closed = True
        self._answers.set()

    def preview(self, pieces: Sequence[Reference]) -> None:
        """Take in what would be written."""
        rows = {kind: sum(piece.vectors.rows for piece in pieces if piece.modality == kind) for kind in _KINDS}
        n_bytes = sum(_size(piece) for piece in pieces)
        self.leaving = Leaving(rows["visual"], rows["audio"], rows["text"], n_bytes)

    def ask(self, concerns: Sequence[Concern]) -> None:
        """Wait for the person: before the files are described only if there are concerns, after it always."""
        self._n_asked += 1
        self.concerns += [
            one._replace(values={name: self.plain(text) for name, text in one.values.items()}) for one in concerns
        ]
        if self._n_asked == 1 and not concerns:
            return
        self._answers.clear()
        self.stage = "asking"
        if self._is_closed or not self._answers.wait(PATIENCE_S) or not self._wanted:
            raise DroppedError
        self.stage = "describing" if self._n_asked == 1 else "writing"


_KINDS = ("visual", "audio", "text")


def _size(piece: Reference) -> int:
    landmarks = len(piece.landmarks.data) if piece.landmarks else 0
    return len(piece.vectors.data) + landmarks + sum(map(len, piece.digests))
