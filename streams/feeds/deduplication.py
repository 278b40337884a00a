"""What a feed has seen in its last seconds, so that events told twice are written once, over restarts too.

Platforms deliver at least once: whoever goes on where it was is told the last events again. Each second of the
platform's time is a part of the feed's cursor, so a batch rewrites only the seconds it touched.
"""

from collections.abc import Mapping
from hashlib import blake2b

import msgspec

_US = 1_000_000
_ID_BYTES = 8


class _Second(msgspec.Struct):
    """Events of one second."""

    second: int
    """Since the epoch."""
    ids: list[str]


class Deduplicator:
    """Remembers the events of some seconds before the newest.

    Parameters
    ----------
    parts
        As the cursor kept them.
    newest_us
        Time of the newest event, microseconds since the epoch.
    window_s
        How far back events may be told again; what is older counts as seen.
    """

    def __init__(self, parts: Mapping[str, str], newest_us: int, window_s: int) -> None:
        self.newest_us = newest_us
        self._window_s = window_s
        self._seconds = {part: msgspec.json.decode(kept, type=_Second) for part, kept in parts.items()}
        self._known = {known for kept in self._seconds.values() for known in kept.ids}

    def knows(self, event: str, time_us: int) -> bool:
        """Return whether an event was noted, or is too old to be new."""
        return time_us < self.newest_us - self._window_s * _US or _digest(event) in self._known

    def note(self, event: str, time_us: int) -> dict[str, str]:
        """Take in an event; return the part of the cursor that changed."""
        self.newest_us = max(self.newest_us, time_us)
        second = time_us // _US
        part = str(second % (self._window_s + 2))  # a second more than is looked back, and the one that has begun
        kept = self._seconds.get(part)
        if kept is None or kept.second != second:
            self._known.difference_update(kept.ids if kept is not None else ())
            kept = self._seconds[part] = _Second(second, [])
        known = _digest(event)
        kept.ids.append(known)
        self._known.add(known)
        return {part: msgspec.json.encode(kept).decode()}


def _digest(event: str) -> str:
    return blake2b(event.encode(), digest_size=_ID_BYTES).hexdigest()
