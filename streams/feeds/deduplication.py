"""Deduplication of the recent events of a feed, also across restarts.

Platforms deliver at least once: a feed that resumes receives the last events again. Each second of the platform's time
is a part of the feed's cursor, so a batch rewrites only the seconds it changed.
"""

from collections.abc import Mapping
from hashlib import blake2b

import msgspec

_US = 1_000_000
_ID_BYTES = 8


class _Second(msgspec.Struct):
    second: int
    """Since the epoch."""
    ids: list[str]


class Deduplicator:
    """Ids of the events within some seconds before the newest.

    Parameters
    ----------
    parts
        Of the feed's cursor.
    newest_us
        Time of the newest event, microseconds since the epoch.
    window_s
        How far back events may be repeated; older ones count as duplicates.
    """

    def __init__(self, parts: Mapping[str, str], newest_us: int, window_s: int) -> None:
        self.newest_us = newest_us
        self._window_s = window_s
        self._seconds = {part: msgspec.json.decode(stored, type=_Second) for part, stored in parts.items()}
        self._ids = {event_id for second in self._seconds.values() for event_id in second.ids}

    def is_duplicate(self, event: str, time_us: int) -> bool:
        """Return whether an event was added before, or is older than the window."""
        return time_us < self.newest_us - self._window_s * _US or _digest(event) in self._ids

    def add(self, event: str, time_us: int) -> dict[str, str]:
        """Add an event; return the changed part of the cursor."""
        self.newest_us = max(self.newest_us, time_us)
        second = time_us // _US
        part = str(second % (self._window_s + 2))  # one second more than the window, and the current second
        stored = self._seconds.get(part)
        if stored is None or stored.second != second:
            self._ids.difference_update(stored.ids if stored is not None else ())
            stored = self._seconds[part] = _Second(second, [])
        event_id = _digest(event)
        stored.ids.append(event_id)
        self._ids.add(event_id)
        return {part: msgspec.json.encode(stored).decode()}


def _digest(event: str) -> str:
    return blake2b(event.encode(), digest_size=_ID_BYTES).hexdigest()
