"""Notes that travel with a group's commits: state of a partition for its next owner.

Kafka keeps some text with each committed offset, and accepts it from the partition's owner alone. So a note needs
neither a topic of its own nor fencing, and costs one commit at each assignment.
"""

import json
from collections.abc import Hashable, Iterable
from dataclasses import asdict, dataclass, replace
from typing import Self

import structlog

log = structlog.get_logger()

_DEATHS_BEFORE_CARE = 2
"""Ends of an owner without progress before its records are processed one at a time; one kill is not worth the delay."""
_DEATHS_ALONE = 2
"""Ends of an owner while a record was processed alone, after which the record is set aside."""


@dataclass(frozen=True, slots=True)
class Note:
    """What an owner of a partition leaves to the next."""

    owned: bool = False
    """Whether the owner works on the partition or died; one that leaves in order clears it."""
    deaths: int = 0
    """Owners in a row that died without progress."""
    alone: int = -1
    """Offset of the record that is processed alone, -1 for none."""
    begun: bool = False
    """Whether this owner has begun that record, and not only taken it over from one that died of it."""
    deaths_alone: int = 0
    """Owners that died with this record alone."""
    letters: int = 0
    """Dead letters in a row."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the note in a commit; of another program's text, an empty one."""
        try:
            return cls(**json.loads(text)) if text else cls()
        except (ValueError, TypeError):
            return cls()

    def __str__(self) -> str:
        changed = {name: value for name, value in asdict(self).items() if value != getattr(Note(), name)}
        return json.dumps(changed) if changed else ""

    @property
    def is_careful(self) -> bool:
        """Whether the records that the last owner can have had in flight are processed one at a time."""
        return self.deaths >= _DEATHS_BEFORE_CARE or self.deaths_alone > 0

    def inherited(self, committed: int) -> "Note":
        """Return the note of the next owner, which begins at this offset."""
        deaths = self.deaths + 1 if self.owned else 0
        if self.alone < committed:
            return Note(owned=True, deaths=deaths, letters=self.letters)
        return replace(self, owned=True, deaths=deaths, begun=False, deaths_alone=self.deaths_alone + self.begun)

    def without_record(self) -> "Note":
        """Return the note without a record that is processed alone."""
        return replace(self, alone=-1, begun=False, deaths_alone=0)


class CommitNotes[P: Hashable]:
    """Notes of the partitions that a worker owns.

    Parameters
    ----------
    window
        Records of a partition that the last owner can have had in flight.
    """

    def __init__(self, window: int) -> None:
        self._window = window
        self._notes: dict[P, Note] = {}
        self.committed: dict[P, int] = {}
        """Last committed offset of each partition that is owned, 0 without one."""
        self._suspects: dict[P, range] = {}

    def take_over(self, partition: P, committed: int, text: str) -> Note:
        """Begin to own a partition; return its note."""
        note = self._notes[partition] = Note.parse(text).inherited(committed)
        self.committed[partition] = committed
        self._suspects[partition] = range(committed, committed + self._window if note.is_careful else committed)
        if note.is_careful:
            log.warning("records are processed one at a time", partition=str(partition), deaths=note.deaths)
        return note

    def forget(self, partitions: Iterable[P]) -> None:
        """End to own partitions."""
        for partition in partitions:
            self.committed.pop(partition, None)
            self._suspects.pop(partition, None)

    def is_suspect(self, partition: P, offset: int) -> bool:
        """Return whether the owners that died may have died of this record."""
        return offset in self._suspects.get(partition, ())

    def has_killed(self, partition: P, offset: int) -> bool:
        """Return whether enough owners have died while only this record was processed."""
        note = self._notes[partition]
        return note.alone == offset and note.deaths_alone >= _DEATHS_ALONE

    def isolate(self, partition: P, offset: int) -> None:
        """Note that a record is processed alone."""
        note = self._notes[partition]
        deaths_alone = note.deaths_alone if note.alone == offset else 0
        self._notes[partition] = replace(note, alone=offset, begun=True, deaths_alone=deaths_alone)

    def finish_isolated(self, partition: P) -> None:
        """Note that the record that was processed alone is finished."""
        self._notes[partition] = self._notes[partition].without_record()

    def leave(self, partition: P) -> None:
        """Note that the owner ends in order."""
        self._notes[partition] = Note(letters=self._notes.get(partition, Note()).letters)

    def text(self, partition: P, offset: int, letters: int) -> str:
        """Return the note for a commit at this offset."""
        note = replace(self._notes.get(partition, Note()), letters=letters)
        if offset > self.committed.get(partition, offset):
            note = replace(note, deaths=0)
        if note.alone < offset:
            note = note.without_record()
        self._notes[partition], self.committed[partition] = note, offset
        return str(note)
