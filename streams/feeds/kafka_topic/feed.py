"""Posts and removals from a platform's own Kafka topic, by a mapping file.

The next offset of each source partition is written in the transaction of the posts, so each record is processed once
although it is on another Kafka. Nothing is committed at the source, where the right to read is enough.
"""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message

from schemas.ids import record_id
from schemas.messages import DeadLetter, Post
from streams.errors import UsageError
from streams.feeds.batch import Batch, FeedRecord
from streams.feeds.cursor import Progress
from streams.feeds.dead_letters import feed_dead_letter, unread_dead_letters
from streams.feeds.guard import Refusal, guarded
from streams.feeds.kafka_topic.mapping import TopicMapping
from streams.feeds.kafka_topic.offsets import FEED, SourceOffsets
from streams.feeds.kafka_topic.record_format import Decode
from streams.feeds.notes import Notes
from streams.kafka.clients import client_config
from streams.kafka.wait_for_broker import wait_for_broker
from streams.settings import Settings
from streams.telemetry import metrics
from streams.topology import readers_group

log = structlog.get_logger()

_MAX_BATCH = 500
_POLL_TIMEOUT_S = 0.2
_COMPARISON_S = 30.0
"""How soon a change of the topic is noticed: new partitions, or another topic of the same name."""
_FATAL_ERRORS = {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.TOPIC_AUTHORIZATION_FAILED}
"""Errors that only a restart or a person can resolve."""
_NO_OFFSET = KafkaError._AUTO_OFFSET_RESET  # noqa: SLF001 - its public name
"""The next record is not there: the source deleted it, has shrunk or was created again."""


class TopicFeed:
    """Feed of a source topic, resumed at the next offsets of its partitions.

    Parameters
    ----------
    decode
        Decoder of a record's value to the document that the mapping describes.
    settings
        For the source's Kafka.
    """

    def __init__(self, mapping: TopicMapping, decode: Decode, settings: Settings) -> None:
        self._mapping = mapping
        self._settings = settings
        self._topic = mapping.source.topic
        self._decode = decode
        self._compared_at = 0.0
        self._poll_lock = threading.Lock()

    async def batches(self, progress: Progress) -> AsyncGenerator[Batch]:
        """Yield the records of the source and new ones as they arrive, until cancelled.

        Raises
        ------
        UsageError
            The source does not answer, or has no such topic.
        """
        await asyncio.to_thread(wait_for_broker, self._settings)
        consumer = Consumer(
            client_config(
                self._settings,
                group_id=readers_group(self._settings),
                enable_auto_commit=False,
                auto_offset_reset="error",  # a gap must not pass unnoticed: the next start logs its size
            )
        )
        start_latest = self._mapping.source.start == "latest"
        offsets = SourceOffsets(self._topic, self._settings, progress.parts, start_latest=start_latest)
        try:
            # Yielded before any record, so that a restart does not choose the offsets again.
            yield await asyncio.to_thread(self._assign, consumer, offsets)
            while True:
                batch = await asyncio.to_thread(self._poll, consumer, offsets)
                if batch is not None:
                    yield batch
        finally:
            metrics.FEED_CONNECTED.labels(FEED).set(0)
            await asyncio.to_thread(self._close, consumer)

    def _assign(self, consumer: Consumer, offsets: SourceOffsets) -> Batch:
        """Compare all offsets with the topic and read on from them; return the change."""
        try:
            return self._change(consumer, offsets, check_all=True)
        except KafkaException as error:
            raise UsageError(f"{self._topic} at {self._settings.bootstrap_servers}: {error.args[0].str()}") from error

    def _change(self, consumer: Consumer, offsets: SourceOffsets, *, check_all: bool) -> Batch:
        """Compare the offsets with the topic; return the change of the cursor, and gaps."""
        self._compared_at = time.monotonic()
        parts = offsets.find(consumer, check_all=check_all)
        if check_all or parts:
            consumer.assign(offsets.assignment())
        metrics.FEED_CONNECTED.labels(FEED).set(1)
        return Batch(offsets.take_gaps(), parts=parts)

    def _poll(self, consumer: Consumer, offsets: SourceOffsets) -> Batch | None:
        """Return the next records, or else a change of the topic; None if there is neither."""
        with self._poll_lock:
            if time.monotonic() - self._compared_at > _COMPARISON_S and (change := self._compared(consumer, offsets)):
                return change
            if (first := consumer.poll(_POLL_TIMEOUT_S)) is None:
                return None
            messages = [first, *consumer.consume(_MAX_BATCH - 1, timeout=0)]
            errors = [error for message in messages if (error := message.error()) is not None]
            read = [message for message in messages if message.error() is None]
            batch = self._batch(read, offsets) if read else None
            if any(error.code() == _NO_OFFSET for error in errors):
                self._compared_at = 0.0  # at the next poll, after this batch
                offsets.doubted = True
            for error in errors:
                self._handle_error(error)
            return batch

    def _compared(self, consumer: Consumer, offsets: SourceOffsets) -> Batch | None:
        """Return the change of the topic since the last comparison, None without one or while it does not answer."""
        try:
            change = self._change(consumer, offsets, check_all=offsets.doubted)
        except KafkaException as error:
            metrics.FEED_CONNECTED.labels(FEED).set(0)
            self._handle_error(error.args[0])
            return None
        offsets.doubted = False
        return change if change.parts or change.records else None

    def _close(self, consumer: Consumer) -> None:
        with self._poll_lock:  # the last poll of a cancelled feed may still be running
            consumer.close()

    def _handle_error(self, error: KafkaError) -> None:
        if error.fatal() or error.code() in _FATAL_ERRORS:
            raise UsageError(f"{self._topic} at {self._settings.bootstrap_servers}: {error.str()}")
        log.warning("error of the source", topic=self._topic, error=error.str())

    def _batch(self, messages: Sequence[Message], offsets: SourceOffsets) -> Batch:
        mapped = [self._records(message) for message in messages]
        parts = offsets.advance({message.partition() or 0: (message.offset() or 0) + 1 for message in messages})
        newest_ms = max(message.timestamp()[1] for message in messages)
        metrics.FEED_LAG_SECONDS.labels(FEED).set(max(0.0, time.time() - newest_ms / 1000))
        records = [record for found in mapped for record in found]
        return Batch(records, parts=parts, ignored=sum(not found for found in mapped))

    def _records(self, message: Message) -> list[FeedRecord]:
        """Return the post or removal of a record with the dead letters beside it, or its dead letter."""
        if (value := message.value()) is None:  # a tombstone
            return []

        def read() -> list[FeedRecord]:
            notes = Notes()
            record = self._mapping.to_record(self._decode(value, notes), value, notes)
            if not isinstance(record, Post):
                return [] if record is None else [record]
            origin = self._origin(message)
            return [record, *unread_dead_letters(notes, record.post_id, value, feed=FEED, origin=origin)]

        return guarded(FEED, read, lambda refusal: [self._dead_letter(message, value, refusal)])

    def _origin(self, message: Message) -> dict[str, Any]:
        """Return the origin of a dead letter; not the bare name of the topic, which one of our own may have too."""
        return {
            "topic": f"feed-{FEED}/{self._topic}",
            "partition": message.partition() or 0,
            "offset": message.offset() or 0,
            "key": message.key(),
        }

    def _dead_letter(self, message: Message, value: bytes, refusal: Refusal) -> DeadLetter:
        origin = self._origin(message)
        letter_id = record_id(
            "feed-dead-letter", FEED, self._mapping.name, self._topic, origin["partition"], origin["offset"]
        )
        bug = {"fate": "bug", "traceback": refusal.traceback} if refusal.traceback else {}
        reason = "bug" if bug else "feed_record_unmappable"
        return feed_dead_letter(
            letter_id, FEED, reason, f"{self._mapping.name}: {refusal.detail}", value=value, **bug, **origin
        )
