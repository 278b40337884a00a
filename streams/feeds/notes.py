"""Notes on one event of a feed: what its post lacks of the platform's record, and what is kept as dead letters."""

from dataclasses import dataclass, field

_MAX = 20
"""Most notes of one post; a record can have thousands of odd fields."""


@dataclass(frozen=True, slots=True)
class Notes:
    """Notes on one event."""

    lines: list[str] = field(default_factory=list)
    """Fields that were left out or replaced, for the post's record."""
    unread: dict[str, list[str]] = field(default_factory=dict)
    """Parts that may hold media and cannot be read, by the reason slug of the dead letter that keeps the record."""

    def __str__(self) -> str:
        details = [detail for found in self.unread.values() for detail in found]
        return "; ".join([*self.lines, *details])

    def add(self, line: str) -> None:
        """Add a line once; the first twenty are kept."""
        _append(self.lines, line)

    def add_unread(self, reason: str, detail: str) -> None:
        """Add a part that is kept in a dead letter beside the post; the details of the first twenty are kept."""
        _append(self.unread.setdefault(reason, []), detail)


def _append(lines: list[str], line: str) -> None:
    if len(lines) < _MAX and line not in lines:
        lines.append(line)
