"""The posts that a Mastodon feed saw last, kept with its cursor."""

from collections.abc import Mapping

import msgspec

_MOST = 20_000
"""Posts; about half an hour of a very large server, days of a small one."""


class Entry(msgspec.Struct, frozen=True):
    """What is known of one id."""

    url: str | None
    """Of the post; None for a boost, whose end is no removal."""
    versions: list[str] = []
    """Edits seen."""
    gone: bool = False


class Known:
    """Entries by the server's own ids, the oldest forgotten.

    Parameters
    ----------
    parts
        As the cursor kept them.
    most
        How many are kept.
    """

    def __init__(self, parts: Mapping[str, str], most: int = _MOST) -> None:
        ordered = sorted(parts.items(), key=lambda part: order(part[0]))
        self._entries = {name: msgspec.json.decode(kept, type=Entry) for name, kept in ordered}
        self._most = most

    def get(self, name: str) -> Entry | None:
        """Return what is known of an id."""
        return self._entries.get(name)

    def note(self, name: str, entry: Entry) -> dict[str, str | None]:
        """Take in what is now known of an id; return the parts of the cursor that changed."""
        self._entries[name] = entry
        changed: dict[str, str | None] = {name: msgspec.json.encode(entry).decode()}
        while len(self._entries) > self._most:
            oldest = next(iter(self._entries))
            del self._entries[oldest]
            changed[oldest] = None
        return changed


def order(status_id: str) -> tuple[int, str]:
    """Return what sorts ids by their age: they are decimal numbers in a string."""
    return len(status_id), status_id
