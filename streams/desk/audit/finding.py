"""Findings of the audit."""

from typing import Literal

import msgspec

Kind = Literal["missing", "reordered", "altered", "forged", "truncated", "replayed", "unexplained"]
"""Unexplained: an act without who, when or why."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong with the log."""

    kind: Kind
    topic: str
    partition: int
    offset: int
    """Offset of the record, or the first one that is concerned."""
    words: str
    """What is wrong, one line."""
    event_id: str = ""
    """Id of the event, act or checkpoint, empty where the finding is about a range of records."""
    takedown_id: str = ""
    case_id: str = ""

    def line(self) -> str:
        """Return the finding as one line."""
        about = " ".join(filter(None, (self.event_id and f"event {self.event_id}", self.takedown_id and
                                       f"of takedown {self.takedown_id}")))  # fmt: skip
        return f"{self.kind}: {self.topic} {self.partition}@{self.offset}: {about + ': ' if about else ''}{self.words}"


class Record(msgspec.Struct, frozen=True):
    """One record of an audited topic."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
