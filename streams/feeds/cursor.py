"""How far a feed has come: the feed-cursors topic."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote, unquote

from confluent_kafka import Consumer, TopicPartition

from schemas.codec import Codec
from schemas.messages import Cursor
from streams.errors import UsageError
from streams.kafka.clients import client_config
from streams.kafka.topic_reader import read_whole
from streams.settings import Settings
from streams.topology import readers_group

TOPIC = "feed-cursors"

_LEVELS = ("read_uncommitted", "read_committed")
_ANSWER_S = 10.0
_LOOK_AGAIN_S = 0.1


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
    await asyncio.to_thread(_settle, settings)
    position: str | None = None
    parts: dict[str, str] = {}
    for update in await read_whole(settings, TOPIC):
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


def _settle(settings: Settings) -> None:
    """Return once everything in the topic now can be read.

    Another feed that was killed amid a transaction hides what was committed after its first record, until the broker
    gives that transaction up.
    """
    topic = TopicPartition(settings.topic_prefix + TOPIC, 0)
    with ExitStack() as clients:
        ends = [clients.enter_context(closing(_client(settings, level))) for level in _LEVELS]
        deadline_s = time.monotonic() + settings.start_grace_s
        written = ends[0].get_watermark_offsets(topic, timeout=_ANSWER_S)[1]
        while ends[1].get_watermark_offsets(topic, timeout=_ANSWER_S)[1] < written:
            if time.monotonic() > deadline_s:
                raise UsageError(f"{topic.topic}: a transaction has been open for {settings.start_grace_s:g} s")
            time.sleep(_LOOK_AGAIN_S)


def _client(settings: Settings, level: str) -> Consumer:
    return Consumer(client_config(settings, group_id=readers_group(settings), isolation_level=level))


def _position(codec: Codec, value: bytes | None) -> str | None:
    if value is None:
        return None
    message = codec.decode(TOPIC, value)
    assert isinstance(message, Cursor)
    return message.position
