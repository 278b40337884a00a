"""Posts and removals from a platform's own Kafka topic, by a mapping file.

The next offset of each source partition is written in the transaction of the posts, so each record is processed once
although it is on another Kafka. Nothing is committed at the source, where the right to read is enough.
"""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from schemas.ids import record_id
from schemas.messages import DeadLetter, Post
from streams.errors import UsageError
from streams.feeds.batch import Batch, FeedRecord
from streams.feeds.cursor import Progress
from streams.feeds.dead_letters import feed_dead_letter, unread_dead_letters
from streams.feeds.guard import Refusal, guarded
from streams.feeds.kafka_topic.mapping import TopicMapping
from streams.feeds.kafka_topic.record_format import Decode
from streams.feeds.notes import Notes
from streams.kafka.clients import client_config
from streams.kafka.wait_for_broker import wait_for_broker
from streams.settings import Settings
from streams.telemetry import metrics
from streams.topology import readers_group

log = structlog.get_logger()

FEED = "topic"
_MAX_BATCH = 500
_POLL_TIMEOUT_S = 0.2
_QUERY_TIMEOUT_S = 20.0
_PARTITION_DISCOVERY_S = 30.0
_FATAL_ERRORS = {
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError._AUTO_OFFSET_RESET,  # noqa: SLF001 - its public name
}
"""Errors that only a restart or a person can resolve."""


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
        self._next_offsets: dict[int, int] = {}
        self._discovered_at = 0.0
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
        try:
            await asyncio.to_thread(self._assign, consumer, progress)
            yield Batch(parts=self._parts(self._next_offsets))  # so that a restart does not choose the offsets again
            metrics.FEED_CONNECTED.labels(FEED).set(1)
            while True:
                messages = await asyncio.to_thread(self._poll, consumer)
                if messages:
                    yield await asyncio.to_thread(self._batch, messages)
        finally:
            metrics.FEED_CONNECTED.labels(FEED).set(0)
            await asyncio.to_thread(self._close, consumer)

    def _assign(self, consumer: Consumer, progress: Progress) -> None:
        stored = {
            int(part.rpartition("/")[2]): int(offset)
            for part, offset in progress.parts.items()
            if part.rpartition("/")[0] == self._topic  # else of an earlier source of the mapping
        }
        try:
            for partition in self._partitions(consumer):
                self._next_offsets[partition] = self._start_offset(
                    consumer, partition, stored.get(partition), is_first=not stored
                )
        except KafkaException as error:
            raise UsageError(f"{self._topic} at {self._settings.bootstrap_servers}: {error.args[0].str()}") from error
        self._assign_next(consumer)

    def _start_offset(self, consumer: Consumer, partition: int, stored: int | None, *, is_first: bool) -> int:
        """Return the stored next offset, or the nearest available one."""
        first, end = consumer.get_watermark_offsets(TopicPartition(self._topic, partition), timeout=_QUERY_TIMEOUT_S)
        if stored is None:
            # A partition added later is read from its beginning: its records are newer than the feed's first start.
            return end if is_first and self._mapping.source.start == "latest" else first
        if stored > end:
            log.error("the source was recreated: reading from its beginning", topic=self._topic, partition=partition)
            return first
        if stored < first:
            log.error("the source deleted records before they were read", topic=self._topic, records=first - stored)
        return max(first, stored)

    def _partitions(self, consumer: Consumer) -> list[int]:
        self._discovered_at = time.monotonic()
        found = consumer.list_topics(self._topic, timeout=_QUERY_TIMEOUT_S).topics[self._topic]
        if found.error is not None:
            raise KafkaException(found.error)
        return sorted(found.partitions)

    def _assign_next(self, consumer: Consumer) -> None:
        consumer.assign(
            [TopicPartition(self._topic, partition, offset) for partition, offset in self._next_offsets.items()]
        )

    def _poll(self, consumer: Consumer) -> list[Message]:
        """Return the next records, none after the poll timeout."""
        with self._poll_lock:
            if time.monotonic() - self._discovered_at > _PARTITION_DISCOVERY_S:
                self._discover_partitions(consumer)
            if (first := consumer.poll(_POLL_TIMEOUT_S)) is None:
                return []
            messages = [first, *consumer.consume(_MAX_BATCH - 1, timeout=0)]
        for error in filter(None, (message.error() for message in messages)):
            self._handle_error(error)
        return [message for message in messages if message.error() is None]

    def _close(self, consumer: Consumer) -> None:
        with self._poll_lock:  # the last poll of a cancelled feed may still be running
            consumer.close()

    def _discover_partitions(self, consumer: Consumer) -> None:
        try:
            new = set(self._partitions(consumer)) - set(self._next_offsets)
        except KafkaException as error:
            metrics.FEED_CONNECTED.labels(FEED).set(0)
            self._handle_error(error.args[0])
            return
        metrics.FEED_CONNECTED.labels(FEED).set(1)
        if new:
            log.info("new partitions at the source", topic=self._topic, partitions=sorted(new))
            self._next_offsets |= dict.fromkeys(sorted(new), 0)
            self._assign_next(consumer)

    def _handle_error(self, error: KafkaError) -> None:
        if error.fatal() or error.code() in _FATAL_ERRORS:
            raise UsageError(f"{self._topic} at {self._settings.bootstrap_servers}: {error.str()}")
        log.warning("error of the source", topic=self._topic, error=error.str())

    def _batch(self, messages: Sequence[Message]) -> Batch:
        mapped = [self._records(message) for message in messages]
        next_offsets = {message.partition() or 0: (message.offset() or 0) + 1 for message in messages}
        self._next_offsets |= next_offsets
        newest_ms = max(message.timestamp()[1] for message in messages)
        metrics.FEED_LAG_SECONDS.labels(FEED).set(max(0.0, time.time() - newest_ms / 1000))
        records = [record for found in mapped for record in found]
        return Batch(records, parts=self._parts(next_offsets), ignored=sum(not found for found in mapped))

    def _parts(self, next_offsets: Mapping[int, int]) -> dict[str, str]:
        return {f"{self._topic}/{partition}": str(offset) for partition, offset in next_offsets.items()}

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
