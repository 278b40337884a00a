"""Erasures that this machine has begun: a note and the proof of each, so that one that was killed can go on.

A note is written before the tombstones, so a kill leaves no case withdrawn whose erasure nobody can find.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import msgspec

from streams.audit.acting import acting
from streams.desk.erasure.entries import find_entries
from streams.desk.erasure.proof import Proof
from streams.desk.erasure.steps import Show
from streams.desk.erasure.subject import Subject
from streams.desk.withdraw_case import Withdrawal, erase_case, write_proof
from streams.rights.person import Person
from streams.secrets import whole_file
from streams.settings import Settings

MAX_NOTES = 1000
"""Notes and proofs that this machine keeps; the oldest finished ones are deleted."""
_NOTE, _PROOF = ".erasure", ".proof"


class ErasureNote(msgspec.Struct, frozen=True, kw_only=True):
    """One erasure that was begun here."""

    case_id: str
    name: str
    """Pseudonym."""
    opened_by: str
    """Account that opened the case, whose right it is to see the proof."""
    by: str
    """Pseudonym of the person who withdrew it."""
    why: str
    began_at: datetime
    erased: int = 0
    """Entries erased before the proof was begun."""
    ended_at: datetime | None = None
    is_clean: bool = False
    """Whether the proof found nothing left; of an ended one."""


class ErasureBook:
    """The notes and proofs of this machine's erasures; a broken note is like none."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.desk_path

    def notes(self) -> list[ErasureNote]:
        """Return the notes, the newest first."""
        found = (_read(file, ErasureNote) for file in self._folder.glob(f"*{_NOTE}"))
        return sorted((note for note in found if note is not None), key=lambda note: note.began_at, reverse=True)

    def write(self, note: ErasureNote) -> None:
        """Replace the note of a case.

        Raises
        ------
        OSError
            The folder cannot be written.
        """
        whole_file.replace(self._file(note.case_id, _NOTE), msgspec.json.encode(note))

    def proof_file(self, case_id: str) -> Path:
        """Return the file of a case's last proof, which exists once there is one."""
        return self._file(case_id, _PROOF)

    def proof(self, case_id: str) -> Proof | None:
        """Return the last proof of a case, None if this machine has none."""
        return _read(self.proof_file(case_id), Proof)

    def delete(self, notes: Iterable[ErasureNote]) -> None:
        """Delete notes and their proofs."""
        for note in notes:
            for suffix in (_NOTE, _PROOF):
                self._file(note.case_id, suffix).unlink(missing_ok=True)

    def _file(self, case_id: str, suffix: str) -> Path:
        return self._folder / f"{quote(case_id, safe='')}{suffix}"


def erase_noted(settings: Settings, note: ErasureNote, person: Person, wait_s: float, show: Show) -> ErasureNote:
    """Erase a case that is noted, keep its proof, and return the note of what was found.

    Each run is an act on record. It can be repeated, also after a kill.

    Raises
    ------
    UsageError
        The person has no right to it, the broker does not answer, or the proof cannot be written.
    """
    with acting(settings, person, "withdraw", note.case_id, note.why, detail=f"erasure and proof, as {note.by}"):
        found = Withdrawal(note.case_id, find_entries(settings, Subject(note.case_id)))
        proof = erase_case(settings, found, wait_s=wait_s, show=show, by=note.by, why=note.why)
        proof.erased += note.erased
        book = ErasureBook(settings)
        write_proof(proof, book.proof_file(note.case_id))
        ended = msgspec.structs.replace(note, ended_at=datetime.now(UTC), is_clean=proof.is_clean)
        book.write(ended)
    return ended


def _read[T](file: Path, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except (OSError, ValueError):  # of msgspec, and of UTF-8
        return None
