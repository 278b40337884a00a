"""Cursors of feeds: the feed-cursors topic."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote, unquote

from confluent_kafka import Consumer

from schemas.codec import Codec
from schemas.messages import Cursor
from streams.errors import UsageError
from streams.kafka.clients import client_config
from streams.kafka.offsets import partitions_of, watermarks
from streams.kafka.whole_topic import read_whole
from streams.settings import Settings
from streams.topology import readers_group

TOPIC = "feed-cursors"
TRANSACTION = ""
"""Part under which a feed's last transaction is named, which no feed calls a part of its own."""

_QUERY_TIMEOUT_S = 10.0
_POLL_INTERVAL_S = 0.1


@dataclass(frozen=True, slots=True)
class Progress:
    """Position at which a feed resumes."""

    position: str | None = None
    """In the feed's own format; None before its first start."""
    parts: Mapping[str, str] = field(default_factory=dict)
    """Positions of its parts, such as files or partitions, for a feed that keeps them separately."""
    transaction: str | None = None
    """Name of its last transaction; None of one that wrote none yet."""


def cursor_key(feed: str, part: str | None = None) -> str:
    """Return the key of the cursor of a feed, or of one of its parts."""
    name = quote(feed, safe="")  # the first slash in the key ends the feed's name
    return name if part is None else f"{name}/{part}"


def cursor(feed: str, position: str | None) -> Cursor | None:
    """Return the cursor of a feed or of one of its parts, None (a tombstone) without a position."""
    return None if position is None else Cursor(feed=feed, position=position, at=datetime.now(UTC))


async def read_progress(settings: Settings, codec: Codec, feed: str) -> Progress:
    """Return the last committed progress of a feed.

    Raises
    ------
    UsageError
        The broker does not answer, or has no such topic.
    """
    await asyncio.to_thread(_wait_for_open_transactions, settings)
    position: str | None = None
    parts: dict[str, str] = {}
    for update in await read_whole(settings, TOPIC):
        name, slash, part = update.key.decode().partition("/")
        if unquote(name) != feed:
            continue
        decoded = _decode_position(codec, update.value)
        if not slash:
            position = decoded
        elif decoded is None:
            parts.pop(part, None)
        else:
            parts[part] = decoded
    return Progress(position, parts, parts.pop(TRANSACTION, None))


def _wait_for_open_transactions(settings: Settings) -> None:
    """Block until readers of committed records can read every record that is in the topic now.

    The open transaction of another feed that was killed hides the records committed after its first one, until the
    broker aborts it.
    """
    topic, group = settings.topic_prefix + TOPIC, readers_group(settings)
    with ExitStack() as clients:
        uncommitted, committed = [
            clients.enter_context(closing(Consumer(client_config(settings, group_id=group, isolation_level=level))))
            for level in ("read_uncommitted", "read_committed")
        ]
        if not partitions_of(committed, [topic], _QUERY_TIMEOUT_S):
            return  # whoever reads it next raises that it does not exist
        deadline_s = time.monotonic() + settings.start_grace_s
        end = watermarks(uncommitted, topic, 0, _QUERY_TIMEOUT_S)[1]
        while watermarks(committed, topic, 0, _QUERY_TIMEOUT_S)[1] < end:
            if time.monotonic() > deadline_s:
                raise UsageError(f"{topic}: a transaction has been open for {settings.start_grace_s:g} s")
            time.sleep(_POLL_INTERVAL_S)


def _decode_position(codec: Codec, value: bytes | None) -> str | None:
    if value is None:
        return None
    message = codec.decode(TOPIC, value)
    assert isinstance(message, Cursor)
    return message.position
