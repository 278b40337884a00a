"""Case book: names of the references' files, kept on this machine only, and pseudonyms of withdrawn cases.

One file of JSON per case, readable by its owner alone. Withdrawing a case erases the names of its files.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import msgspec

from streams.secrets import whole_file
from streams.settings import Settings


class CaseNote(msgspec.Struct, frozen=True, kw_only=True):
    """What this machine keeps about a case."""

    case_id: str
    name: str
    """Pseudonym."""
    opened_at: datetime
    files: dict[str, str] = {}
    """Names of its files by reference id; without folders."""
    withdrawn_at: datetime | None = None
    searched: list[str] = []
    """Words that platforms are asked for, in clear."""


class CaseBook:
    """The notes of this machine's cases; a missing or broken one is like none, and nothing else depends on them."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.desk_path

    def find(self, case_id: str) -> CaseNote | None:
        """Return the note of a case, None if this machine has none."""
        return _read(self._file(case_id))

    def file_names(self, case_id: str) -> Mapping[str, str]:
        """Return the names of a case's files by reference id, as far as this machine has them."""
        note = self.find(case_id)
        return note.files if note is not None else {}

    def write(self, note: CaseNote) -> None:
        """Replace the note of a case.

        Raises
        ------
        OSError
            The folder cannot be written.
        """
        whole_file.replace(self._file(note.case_id), msgspec.json.encode(note))

    def add_files(self, case_id: str, name: str, opened_at: datetime, files: Mapping[str, str]) -> None:
        """Add names of a case's files to its note; raises as `write` does."""
        known = self.find(case_id) or CaseNote(case_id=case_id, name=name, opened_at=opened_at)
        self.write(msgspec.structs.replace(known, name=name, opened_at=opened_at, files={**known.files, **files}))

    def search(self, case_id: str, name: str, opened_at: datetime, words: Sequence[str]) -> None:
        """Replace the words of a case that platforms are asked for; raises as `write` does."""
        known = self.find(case_id) or CaseNote(case_id=case_id, name=name, opened_at=opened_at)
        self.write(msgspec.structs.replace(known, searched=list(words)))

    def withdraw(self, case_id: str, at: datetime) -> None:
        """Erase a case's words and the names of its files, and set the time of its withdrawal; raises as `write`."""
        if (note := self.find(case_id)) is not None:
            self.write(msgspec.structs.replace(note, files={}, searched=[], withdrawn_at=at))

    def withdrawn(self) -> list[CaseNote]:
        """Return the notes of withdrawn cases."""
        notes = [_read(file) for file in self._folder.glob("*.json")]
        return [note for note in notes if note is not None and note.withdrawn_at is not None]

    def _file(self, case_id: str) -> Path:
        return self._folder / f"{quote(case_id, safe='')}.json"


def _read(file: Path) -> CaseNote | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=CaseNote)
    except (OSError, ValueError):  # of msgspec, and of UTF-8
        return None
