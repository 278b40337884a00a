"""Batches that feeds yield: records, and the position after them."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from schemas.messages import DeadLetter, Post, Removal
from streams.feeds.cursor import Progress

type FeedRecord = Post | Removal | DeadLetter
_KINDS: Mapping[type[FeedRecord], str] = {Post: "post", Removal: "removal", DeadLetter: "dead_letter"}


@dataclass(frozen=True, slots=True)
class Batch:
    """Records and the position after them."""

    records: Sequence[FeedRecord] = ()
    position: str | None = None
    """None keeps the previous position."""
    parts: Mapping[str, str | None] = field(default_factory=dict)
    """Changed positions of parts of the feed; None deletes a part."""
    ignored: int = 0
    """Number of events without a record."""
    written: asyncio.Future[None] | None = None
    """Set when readers can read the records, for a feed whose source waits for that."""


type Feed = Callable[[Progress], AsyncGenerator[Batch]]
"""Yields batches, resuming at the given progress."""


def destination(record: FeedRecord) -> tuple[str, str]:
    """Return the topic and the key of a record."""
    match record:
        case Post():
            return "posts", record.post_id
        case Removal():
            return "removals", record.url or f"{record.platform}/{record.author}"
        case DeadLetter():
            return "dead-letters", record.dead_letter_id
    assert_never(record)


def kind_of(record: FeedRecord) -> str:
    """Return the kind of a record, as metrics label it."""
    return _KINDS[type(record)]
