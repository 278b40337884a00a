"""Running a feed: what it brings and how far it has come are written in one transaction.

A feed is an async iterator of batches. It is read ahead while the last transaction is written: a quiet feed is written
at once, and a busy one in as large transactions as it needs. A restart goes on from the last one: whoever reads only
committed records, as the workers do, sees every post once.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import assert_never

import structlog
from confluent_kafka import KafkaException
from rich.console import Console

from schemas.ids import record_id
from schemas.messages import DeadLetter, Post, Removal
from schemas.topics import TOPICS
from streams.engine.stop_signals import stopping_on_signals
from streams.errors import UsageError
from streams.feeds.cursor import TOPIC, Progress, cursor, cursor_key, read_progress
from streams.kafka.transactions import TransactionWriter
from streams.kafka.wait_for_broker import wait_for_broker
from streams.settings import Settings
from streams.telemetry import metrics
from streams.telemetry.metrics_server import serve_metrics
from streams.telemetry.trace import export_traces

log = structlog.get_logger()

type Brought = Post | Removal | DeadLetter

_AHEAD = 500
"""Batches read ahead; also the most that one transaction holds."""
_PAUSE_S = 0.05
"""Between transactions, each of which costs the broker a marker in every partition it touched."""
_POSITION_S = 5.0
"""How often a position is written that came with no records."""
_FRAME_BYTES = 8192
"""What a record needs beside its value."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Records and the position after them."""

    records: Sequence[Brought] = ()
    position: str | None = None
    """None leaves the one before."""
    parts: Mapping[str, str | None] = field(default_factory=dict)
    """Likewise of parts of the feed; None forgets one."""
    ignored: int = 0
    """Events that brought no record."""
    written: asyncio.Future[None] | None = None
    """Set when readers can see the records, for a feed whose source waits for that."""


type Feed = Callable[[Progress], AsyncGenerator[Batch]]
"""Brings batches from where it left off."""


async def run_feed(settings: Settings, name: str, feed: Feed, console: Console) -> None:
    """Write what a feed brings until it ends or the program is told to; everything told was written by then.

    Parameters
    ----------
    name
        Of the feed, or feed/instance; only one process runs it at a time. What stands before the slash is its label in
        metrics.

    Raises
    ------
    UsageError
        The broker did not take a record, or another process took the feed over.
    """
    if settings.metrics_port is not None:
        serve_metrics(settings.metrics_port)
    export_traces(settings, f"feed {name.partition('/')[0]}")
    await asyncio.to_thread(wait_for_broker, settings)
    try:
        writer = await asyncio.to_thread(TransactionWriter, settings, f"feed-{name}")
        await asyncio.to_thread(writer.start)
        # Only now: another process that ran it may have written until this one took it over.
        progress = await read_progress(settings, writer.codec, name)
        counted = await _Run(name, writer).run(feed(progress))
    except KafkaException as error:
        raise UsageError(f"{settings.bootstrap_servers}: {error.args[0].str()}") from error
    except ConnectionError as error:
        raise UsageError(str(error)) from error  # the schema registry
    removals = f"{counted['removal']} removals, " if counted["removal"] else ""
    console.print(f"{counted['post']} posts, {removals}{counted['dead_letter']} refused")


class _Run:
    """One feed from its start to its end."""

    def __init__(self, name: str, writer: TransactionWriter) -> None:
        self._name = name
        self._label = name.partition("/")[0]
        self._writer = writer
        self._queue: asyncio.Queue[Batch] = asyncio.Queue(_AHEAD)
        self._counted = dict.fromkeys(("post", "removal", "dead_letter", "ignored"), 0)

    async def run(self, batches: AsyncGenerator[Batch]) -> dict[str, int]:
        """Write the feed to its end; return how many records of each kind were written."""
        reader = asyncio.create_task(self._read(batches))
        try:
            with stopping_on_signals(reader.cancel):
                await self._write_all(reader)
        finally:
            reader.cancel()
            with suppress(asyncio.CancelledError):
                await reader
        return self._counted

    async def _read(self, batches: AsyncGenerator[Batch]) -> None:
        async with aclosing(batches):
            async for batch in batches:
                await self._queue.put(batch)

    async def _write_all(self, reader: asyncio.Task[None]) -> None:
        waiting: list[Batch] = []
        due_at = 0.0
        while not (reader.done() and self._queue.empty()):
            waiting += await self._take(reader)
            if not (any(map(_urgent, waiting)) or reader.done() or time.monotonic() > due_at):
                continue  # positions alone: one of them a few seconds from now will do
            if waiting:
                await asyncio.to_thread(self._writer.write_together, partial(self._write, waiting))
                self._tell(waiting)
            waiting, due_at = [], time.monotonic() + _POSITION_S
            await asyncio.wait({reader}, timeout=_PAUSE_S)

    async def _take(self, reader: asyncio.Task[None]) -> list[Batch]:
        """Return what has come, once something has or the feed is at its end."""
        first = asyncio.create_task(self._queue.get())
        await asyncio.wait({first, reader}, return_when=asyncio.FIRST_COMPLETED)
        batches = [first.result()] if first.done() else []
        first.cancel()
        while not self._queue.empty():
            batches.append(self._queue.get_nowait())
        return batches

    def _write(self, batches: Sequence[Batch]) -> None:
        positions: dict[str, str | None] = {}
        for batch in batches:
            for record in batch.records:
                fitting = self._fitting(record)
                self._writer.write(*_place(fitting), fitting)
            if batch.position is not None:
                positions[cursor_key(self._name)] = batch.position
            positions |= {cursor_key(self._name, part): position for part, position in batch.parts.items()}
        for key, position in positions.items():
            self._writer.write(TOPIC, key, cursor(self._name, position))

    def _fitting(self, record: Brought) -> Brought:
        """Return the record, or a dead letter of it where the broker would refuse it, and all written with it."""
        topic, key = _place(record)
        value = self._writer.codec.encode(topic, record)
        if isinstance(record, DeadLetter) or len(value) + _FRAME_BYTES <= TOPICS[topic].max_bytes:
            return record
        log.error("too large to be written", topic=topic, key=key, size_bytes=len(value))
        return DeadLetter(
            dead_letter_id=record_id("feed-dead-letter", self._name, key),
            stage=f"feed-{self._label}",
            topic=topic,
            partition=0,
            offset=0,
            reason="feed_record_too_large",
            fate="unprocessable",
            detail=f"{len(value):,} bytes",
            key=key.encode(),
            value=value,
            at=datetime.now(UTC),
        )

    def _tell(self, batches: Sequence[Batch]) -> None:
        """Count what readers can see now, and tell who waits for it."""
        for batch in batches:
            for kind, n in Counter(map(_kind, batch.records)).items():
                self._counted[kind] += n
                metrics.FEED_EVENTS.labels(self._label, kind).inc(n)
            if batch.ignored:
                metrics.FEED_EVENTS.labels(self._label, "ignored").inc(batch.ignored)
            if batch.written is not None and not batch.written.done():
                batch.written.set_result(None)


def _urgent(batch: Batch) -> bool:
    return bool(batch.records or batch.parts or batch.written)


def _place(record: Brought) -> tuple[str, str]:
    """Return the topic and the key of a record."""
    match record:
        case Post():
            return "posts", record.post_id
        case Removal():
            return "removals", record.url or f"{record.platform}/{record.author}"
        case DeadLetter():
            return "dead-letters", record.dead_letter_id
    assert_never(record)


def _kind(record: Brought) -> str:
    match record:
        case Post():
            return "post"
        case Removal():
            return "removal"
        case DeadLetter():
            return "dead_letter"
    assert_never(record)
