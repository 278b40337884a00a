"""Records and progress of a feed's batches."""

from collections.abc import Iterable
from typing import Any

from schemas.messages import Post
from streams.feeds.batch import Batch
from streams.feeds.cursor import Progress

NEW = Progress()


def records(batches: Iterable[Batch]) -> list[Any]:
    return [record for batch in batches for record in batch.records]


def posts(batches: Iterable[Batch]) -> list[Post]:
    """Return the records, asserting that all are posts."""
    found = records(batches)
    assert all(isinstance(record, Post) for record in found), found
    return found


def progress_after(batches: Iterable[Batch], before: Progress = NEW) -> Progress:
    """Return the progress as stored with these batches."""
    position, parts = before.position, dict(before.parts)
    for batch in batches:
        position = batch.position or position
        changed: dict[str, str | None] = {**parts, **batch.parts}
        parts = {part: stored for part, stored in changed.items() if stored is not None}
    return Progress(position, parts)
