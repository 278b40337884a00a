"""Purposes of the sealing keys, each with keys of its own, and how long their records are retained."""

from datetime import timedelta
from typing import Literal, get_args

from schemas.topics import TOPICS

Purpose = Literal["media", "thumbnails", "cases"]

PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
CONTENT: dict[Purpose, str] = {
    "media": "frames and sounds",
    "thumbnails": "thumbnails of posts that no case has matched",
    "cases": "data keys of cases, and with them the thumbnails in verdicts and takedowns; TMK+PDQF of lists",
}
"""What the keys of a purpose make readable."""
_TOPICS: dict[Purpose, tuple[str, ...]] = {
    "media": ("frames", "sounds", "dead-letters"),
    "thumbnails": ("frames", "descriptors", "dead-letters"),
}
"""Topics that hold what is sealed; cases and takedowns are kept for ever."""
_MARGIN = timedelta(days=1)
"""Kafka deletes whole segments, some time after their last record expired."""


def retention(purpose: Purpose) -> timedelta | None:
    """Return how long something sealed stays on the broker, None if for ever."""
    topics = _TOPICS.get(purpose)
    return None if topics is None else timedelta(hours=max(TOPICS[name].retention_hours for name in topics)) + _MARGIN
