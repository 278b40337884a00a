"""Figures of the live page, read from the broker while somebody looks."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

from confluent_kafka import KafkaException

from schemas.codec import WireError
from schemas.messages import Choice, Cursor
from streams.errors import TransientError, UsageError
from streams.kafka.clients import create_codec
from streams.kafka.lag import LagReader, StageLag
from streams.kafka.whole_topic import read_latest
from streams.live_models.deployments import read_history
from streams.live_models.selection import create_registry, default_choice
from streams.settings import Settings

FRESH_S = 2.0
_SLOW_S = 30.0
"""Age at which models and feeds are read again: they change seldom, and their topics are read whole."""
_MAX_FEEDS = 50


class Figures(NamedTuple):
    """What the broker shows."""

    stages: Mapping[str, StageLag]
    posts_per_s: float | None
    """Since the last reading; None before the second."""
    models: Choice | None
    feeds: list[tuple[str, datetime]]
    """Name and last commit of each feed, the latest first."""
    is_stale: bool = False
    """Whether the broker did not answer, and these are older figures."""


_NONE = Figures({}, None, None, [], is_stale=True)


class LiveFigures:
    """Figures at most `FRESH_S` old, shared by all pages; nothing is read while none is open."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.model_copy(update={"start_grace_s": 5.0})
        self._lock = asyncio.Lock()
        self._reader: LagReader | None = None
        self._figures, self._read_s = _NONE, -FRESH_S
        self._posts: tuple[float, int] | None = None
        self._slow: tuple[Choice | None, list[tuple[str, datetime]]] = None, []
        self._slow_s = -_SLOW_S

    async def read(self) -> Figures:
        """Return the figures; the last ones, marked as stale, where the broker does not answer."""
        async with self._lock:
            if time.monotonic() - self._read_s >= FRESH_S:
                try:
                    if time.monotonic() - self._slow_s >= _SLOW_S:
                        self._slow = await self._read_slow()
                        self._slow_s = time.monotonic()
                    self._figures = await asyncio.to_thread(self._read)
                except (KafkaException, UsageError, TransientError, ConnectionError):
                    self._figures = self._figures._replace(is_stale=True)
                self._read_s = time.monotonic()
            return self._figures

    def close(self) -> None:
        """Close the connections."""
        if self._reader is not None:
            self._reader.close()

    def _read(self) -> Figures:
        if self._reader is None:
            self._reader = LagReader(self._settings)
        ends = self._reader.end_offsets()
        name = self._settings.topic_prefix + "posts"
        now_s, n_posts = time.monotonic(), sum(end for (topic, _), end in ends.items() if topic == name)
        before, self._posts = self._posts, (now_s, n_posts)
        rate = (n_posts - before[1]) / (now_s - before[0]) if before is not None else None
        return Figures(self._reader.lags(ends), rate, *self._slow)

    async def _read_slow(self) -> tuple[Choice | None, list[tuple[str, datetime]]]:
        registry = await asyncio.to_thread(create_registry, self._settings)
        history = await read_history(self._settings, default_choice(registry, self._settings))
        return history.live, await self._feeds()

    async def _feeds(self) -> list[tuple[str, datetime]]:
        codec, last = create_codec(self._settings), dict[str, datetime]()
        for update in (await read_latest(self._settings, "feed-cursors")).values():
            with suppress(WireError):
                cursor = codec.decode("feed-cursors", update.value or b"")
                if isinstance(cursor, Cursor):
                    last[cursor.feed] = max(cursor.at, last.get(cursor.feed, cursor.at))
        return sorted(last.items(), key=lambda feed: feed[1], reverse=True)[:_MAX_FEEDS]
