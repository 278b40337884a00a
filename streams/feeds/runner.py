"""Feed runner: the records of a feed and its cursor are written in one transaction.

A feed is an async iterator of batches. The runner reads ahead while it writes the last transaction: a quiet feed is
written at once, and a busy one in transactions as large as it needs. A restart resumes after the last transaction, so
readers of committed records, such as the workers, read every post once.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress
from functools import partial
from uuid import uuid4

import structlog
from rich.console import Console

from schemas.ids import record_id
from schemas.messages import DeadLetter
from schemas.topics import TOPICS
from streams.engine.stop_signals import stopping_on_signals
from streams.feeds.batch import Batch, Feed, FeedRecord, destination, kind_of
from streams.feeds.cursor import TOPIC, TRANSACTION, cursor, cursor_key, read_progress
from streams.feeds.dead_letters import feed_dead_letter
from streams.kafka.lasting_writer import LastingWriter
from streams.kafka.transactions import TakenOverError
from streams.kafka.usage_errors import usage_errors
from streams.kafka.wait_for_broker import wait_for_broker
from streams.settings import Settings
from streams.telemetry import metrics
from streams.telemetry.metrics_server import serve_metrics
from streams.telemetry.trace import export_traces

log = structlog.get_logger()

_MAX_READ_AHEAD = 500
"""Batches; also the largest transaction."""
_PAUSE_S = 0.05
"""Between transactions, each of which costs the broker a marker in every partition it touched."""
_POSITION_INTERVAL_S = 5.0
"""Between writes of positions that have no records."""
_RECORD_OVERHEAD_BYTES = 8192
"""Size of a record without its key and value."""


async def run_feed(
    settings: Settings, name: str, feed: Feed, console: Console, on_outage: Callable[[str], None] = lambda _: None
) -> None:
    """Write the records of a feed until it ends or the process is stopped; every record it yielded is written by then.

    Parameters
    ----------
    name
        Of the feed, or feed/instance; only one process runs it at a time. The part before the slash is its label in
        metrics.
    on_outage
        As of `LastingWriter`.

    Raises
    ------
    UsageError
        The broker refused a record, or another process took over the feed.
    """
    if settings.metrics_port is not None:
        serve_metrics(settings.metrics_port)
    export_traces(settings, f"feed {name.partition('/')[0]}")
    await asyncio.to_thread(wait_for_broker, settings)
    with usage_errors(settings):
        writer = await asyncio.to_thread(LastingWriter, settings, f"feed-{name}")
        writer.on_outage = on_outage
        await asyncio.to_thread(writer.start)
        # Read only now: another process that ran the feed could write until this one fenced it.
        progress = await read_progress(settings, writer.codec, name)
        written = await _FeedRun(name, writer, progress.transaction).run(feed(progress))
    removals = f"{written['removal']} removals, " if written["removal"] else ""
    console.print(f"{written['post']} posts, {removals}{written['dead_letter']} refused")


class _FeedRun:
    def __init__(self, name: str, writer: LastingWriter, last: str | None) -> None:
        self._name = name
        self._label = name.partition("/")[0]
        self._writer = writer
        self._last = last  # transaction
        self._queue: asyncio.Queue[Batch] = asyncio.Queue(_MAX_READ_AHEAD)
        self._n_written: Counter[str] = Counter()

    async def run(self, batches: AsyncGenerator[Batch]) -> Counter[str]:
        """Write the feed to its end; return the number of written records by kind."""
        reader = asyncio.create_task(self._read(batches))
        try:
            with stopping_on_signals(partial(self._stop, reader)):
                await self._write_all(reader)
        finally:
            reader.cancel()
            with suppress(asyncio.CancelledError):
                await reader
        return self._n_written

    def _stop(self, reader: asyncio.Task[None]) -> None:
        reader.cancel()
        self._writer.outage_s = 0.0

    async def _read(self, batches: AsyncGenerator[Batch]) -> None:
        async with aclosing(batches):
            async for batch in batches:
                await self._queue.put(batch)

    async def _write_all(self, reader: asyncio.Task[None]) -> None:
        pending: list[Batch] = []
        due_at = 0.0
        while not (reader.done() and self._queue.empty()):
            pending += await self._next_batches(reader)
            if not (
                any(batch.records or batch.parts or batch.written for batch in pending)
                or reader.done()
                or time.monotonic() > due_at
            ):
                continue  # positions without records are written every few seconds
            if pending:
                await asyncio.to_thread(self._write_once, pending)
                self._report_written(pending)
            pending, due_at = [], time.monotonic() + _POSITION_INTERVAL_S
            await asyncio.wait({reader}, timeout=_PAUSE_S)

    async def _next_batches(self, reader: asyncio.Task[None]) -> list[Batch]:
        """Return the queued batches, at least one unless the feed has ended."""
        first = asyncio.create_task(self._queue.get())
        await asyncio.wait({first, reader}, return_when=asyncio.FIRST_COMPLETED)
        batches = [first.result()] if first.done() else []
        first.cancel()
        while not self._queue.empty():
            batches.append(self._queue.get_nowait())
        return batches

    def _write_once(self, batches: Sequence[Batch]) -> None:
        transaction = uuid4().hex
        self._writer.write_once(partial(self._write, batches, transaction), partial(self._is_written, transaction))
        self._last = transaction

    def _is_written(self, transaction: str) -> bool:
        found = asyncio.run(read_progress(self._writer.settings, self._writer.codec, self._name)).transaction
        if found not in {transaction, self._last}:
            raise TakenOverError(f"the feed {self._name} was taken over by another process, which has written since")
        return found == transaction

    def _write(self, batches: Sequence[Batch], transaction: str) -> None:
        positions: dict[str, str | None] = {cursor_key(self._name, TRANSACTION): transaction}
        for batch in batches:
            for record in map(self._within_size_limit, batch.records):
                self._writer.write(*destination(record), record)
            if batch.position is not None:
                positions[cursor_key(self._name)] = batch.position
            positions |= {cursor_key(self._name, part): position for part, position in batch.parts.items()}
        for key, position in positions.items():
            self._writer.write(TOPIC, key, cursor(self._name, position))

    def _within_size_limit(self, record: FeedRecord) -> FeedRecord:
        """Return the record, or its dead letter if the broker would refuse it and with it the whole transaction."""
        topic, key = destination(record)
        value = self._writer.codec.encode(topic, record)
        size_bytes = len(key.encode()) + len(value) + _RECORD_OVERHEAD_BYTES
        if isinstance(record, DeadLetter) or size_bytes <= TOPICS[topic].max_bytes:
            return record
        log.error("record too large", topic=topic, key=key[:200], size_bytes=len(value))
        letter_id, detail = record_id("feed-dead-letter", self._name, key), f"{len(value):,} bytes"
        return feed_dead_letter(
            letter_id, self._label, "feed_record_too_large", detail, topic=topic, key=key.encode(), value=value
        )

    def _report_written(self, batches: Sequence[Batch]) -> None:
        """Count records that readers can read now, and complete the futures of their batches."""
        for batch in batches:
            for kind, n in Counter(map(kind_of, batch.records)).items():
                self._n_written[kind] += n
                metrics.FEED_EVENTS.labels(self._label, kind).inc(n)
            for record in batch.records:
                if isinstance(record, DeadLetter):
                    metrics.FEED_DEAD_LETTERS.labels(self._label, record.reason).inc()
            if batch.ignored:
                metrics.FEED_EVENTS.labels(self._label, "ignored").inc(batch.ignored)
            if batch.written is not None and not batch.written.done():
                batch.written.set_result(None)
