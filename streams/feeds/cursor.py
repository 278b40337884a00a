"""How far a feed has come: the feed-cursors topic."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote, unquote

from schemas.codec import Codec
from schemas.messages import Cursor
from streams.follow import read_whole
from streams.settings import Settings


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a feed goes on."""

    position: str | None = None
    """In the feed's own terms; None at its first start."""
    parts: Mapping[str, str] = field(default_factory=dict)
    """Likewise of its parts, such as files or partitions, where it keeps them apart."""


def cursor_key(feed: str, part: str | None = None) -> str:
    """Return the key of a feed's record, or of one of its parts."""
    name = quote(feed, safe="")  # so that the first slash ends it
    return name if part is None else f"{name}/{part}"


def cursor(feed: str, position: str | None) -> Cursor | None:
    """Return the record that says how far a feed, or its part, has come; a tombstone without a position."""
    return None if position is None else Cursor(feed=feed, position=position, at=datetime.now(UTC))


async def read_progress(settings: Settings, codec: Codec, feed: str) -> Progress:
    """Return how far a feed has come.

    Raises
    ------
    UsageError
        The broker does not answer, or has no such topic.
    """
    position: str | None = None
    parts: dict[str, str] = {}
    for update in await read_whole(settings, "feed-cursors"):
        name, slash, part = update.key.decode().partition("/")
        if unquote(name) != feed:
            continue
        told = _position(codec, update.value)
        if not slash:
            position = told
        elif told is None:
            parts.pop(part, None)
        else:
            parts[part] = told
    return Progress(position, parts)


def _position(codec: Codec, value: bytes | None) -> str | None:
    if value is None:
        return None
    message = codec.decode("feed-cursors", value)
    assert isinstance(message, Cursor)
    return message.position
