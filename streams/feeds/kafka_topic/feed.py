"""A platform's own Kafka topic becomes posts and removals, as a mapping file says.

How far each of its partitions was read is written with the posts themselves, so each record counts once though it lies
on another Kafka; nothing is committed at the source, which needs only the right to read.
"""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import UTC, datetime

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from schemas.ids import record_id
from schemas.messages import DeadLetter, Post, Removal
from streams.errors import UsageError
from streams.feeds.cursor import Progress
from streams.feeds.entry import EntryError
from streams.feeds.kafka_topic.mapping import TopicMapping
from streams.feeds.kafka_topic.record_format import Read
from streams.feeds.runner import Batch
from streams.kafka.clients import client_config
from streams.kafka.wait_for_broker import wait_for_broker
from streams.settings import Settings
from streams.telemetry import metrics
from streams.topology import readers_group

log = structlog.get_logger()

FEED = "topic"
_MOST = 500
_WAIT_S = 0.2
_ANSWER_S = 20.0
_LOOK_FOR_PARTITIONS_S = 30.0
_MOST_KEPT_BYTES = 10 * 1024 * 1024
"""Of a record in a dead letter."""
_ENDING = {
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError._AUTO_OFFSET_RESET,  # noqa: SLF001 - its public name
}
"""Errors that a new start, or a person, must look at."""


class TopicFeed:
    """Reads the source from where the feed left off.

    Parameters
    ----------
    read
        A record's value to what the mapping is about.
    settings
        How the source's Kafka is reached.
    """

    def __init__(self, mapping: TopicMapping, read: Read, settings: Settings) -> None:
        self._mapping = mapping
        self._settings = settings
        self._topic = mapping.source.topic
        self._read = read
        self._next: dict[int, int] = {}
        self._looked_at = 0.0
        self._taking = threading.Lock()

    async def batches(self, progress: Progress) -> AsyncGenerator[Batch]:
        """Yield what the source holds and what comes, until cancelled.

        Raises
        ------
        UsageError
            The source does not answer or has no such topic.
        """
        await asyncio.to_thread(wait_for_broker, self._settings)
        consumer = Consumer(
            client_config(
                self._settings,
                group_id=readers_group(self._settings),
                enable_auto_commit=False,
                auto_offset_reset="error",  # a gap must not pass unseen: the next start says how large it is
            )
        )
        try:
            await asyncio.to_thread(self._assign, consumer, progress)
            yield Batch(parts=self._parts(self._next))  # where a first start began: it is not made again
            metrics.FEED_CONNECTED.labels(FEED).set(1)
            while True:
                messages = await asyncio.to_thread(self._take, consumer)
                if messages:
                    yield await asyncio.to_thread(self._mapped, messages)
        finally:
            metrics.FEED_CONNECTED.labels(FEED).set(0)
            await asyncio.to_thread(self._close, consumer)

    def _assign(self, consumer: Consumer, progress: Progress) -> None:
        kept = {int(part.rpartition("/")[2]): int(at) for part, at in progress.parts.items() if self._is_ours(part)}
        try:
            for partition in self._partitions(consumer):
                self._next[partition] = self._start(consumer, partition, kept.get(partition), is_first=not kept)
        except KafkaException as error:
            raise UsageError(f"{self._topic} at {self._settings.bootstrap_servers}: {error.args[0].str()}") from error
        self._assign_next(consumer)

    def _start(self, consumer: Consumer, partition: int, kept: int | None, *, is_first: bool) -> int:
        """Return where to begin: where it was left, or what is nearest to that."""
        first, end = consumer.get_watermark_offsets(TopicPartition(self._topic, partition), timeout=_ANSWER_S)
        if kept is None:
            # A partition that came later is read from its beginning: what lies in it came after the feed's first start.
            return end if is_first and self._mapping.source.start == "latest" else first
        if kept > end:
            log.error("the source was made anew: read from its beginning", topic=self._topic, partition=partition)
            return first
        if kept < first:
            log.error("the source forgot records before they were read", topic=self._topic, records=first - kept)
        return max(first, kept)

    def _partitions(self, consumer: Consumer) -> list[int]:
        self._looked_at = time.monotonic()
        found = consumer.list_topics(self._topic, timeout=_ANSWER_S).topics[self._topic]
        if found.error is not None:
            raise KafkaException(found.error)
        return sorted(found.partitions)

    def _assign_next(self, consumer: Consumer) -> None:
        consumer.assign([TopicPartition(self._topic, partition, at) for partition, at in self._next.items()])

    def _take(self, consumer: Consumer) -> list[Message]:
        """Return the next records, none if none came soon."""
        with self._taking:
            if time.monotonic() - self._looked_at > _LOOK_FOR_PARTITIONS_S:
                self._look_for_partitions(consumer)
            if (first := consumer.poll(_WAIT_S)) is None:
                return []
            messages = [first, *consumer.consume(_MOST - 1, timeout=0)]
        for error in filter(None, (message.error() for message in messages)):
            self._note(error)
        return [message for message in messages if message.error() is None]

    def _close(self, consumer: Consumer) -> None:
        with self._taking:  # a cancelled feed leaves its last call under way
            consumer.close()

    def _look_for_partitions(self, consumer: Consumer) -> None:
        try:
            new = set(self._partitions(consumer)) - set(self._next)
        except KafkaException as error:
            metrics.FEED_CONNECTED.labels(FEED).set(0)
            self._note(error.args[0])
            return
        metrics.FEED_CONNECTED.labels(FEED).set(1)
        if new:
            log.info("the source has grown", topic=self._topic, partitions=sorted(new))
            self._next |= dict.fromkeys(sorted(new), 0)
            self._assign_next(consumer)

    def _note(self, error: KafkaError) -> None:
        if error.fatal() or error.code() in _ENDING:
            raise UsageError(f"{self._topic} at {self._settings.bootstrap_servers}: {error.str()}")
        log.warning("trouble with the source", topic=self._topic, error=error.str())

    def _mapped(self, messages: Sequence[Message]) -> Batch:
        found = [self._record(message) for message in messages]
        read = {message.partition() or 0: (message.offset() or 0) + 1 for message in messages}
        self._next |= read
        newest_ms = max(message.timestamp()[1] for message in messages)
        metrics.FEED_LAG_SECONDS.labels(FEED).set(max(0.0, time.time() - newest_ms / 1000))
        records = [record for record in found if record is not None]
        return Batch(records, parts=self._parts(read), ignored=len(found) - len(records))

    def _parts(self, read: Mapping[int, int]) -> dict[str, str]:
        return {f"{self._topic}/{partition}": str(at) for partition, at in read.items()}

    def _record(self, message: Message) -> Post | Removal | DeadLetter | None:
        if (value := message.value()) is None:  # a tombstone
            return None
        try:
            return self._mapping.read(self._read(value))
        except EntryError as error:
            return self._refused(message, value, str(error))

    def _refused(self, message: Message, value: bytes, why: str) -> DeadLetter:
        partition, offset = message.partition() or 0, message.offset() or 0
        return DeadLetter(
            dead_letter_id=record_id("feed-dead-letter", FEED, self._mapping.name, self._topic, partition, offset),
            stage=f"feed-{FEED}",
            topic=f"feed-{FEED}/{self._topic}",  # not the bare name: one of our own may have it too
            partition=partition,
            offset=offset,
            reason="feed_record_unmappable",
            fate="unprocessable",
            detail=f"{self._mapping.name}: {why}" if len(value) <= _MOST_KEPT_BYTES else f"{why}; cut short here",
            key=message.key(),
            value=value[:_MOST_KEPT_BYTES],
            at=datetime.now(UTC),
        )

    def _is_ours(self, part: str) -> bool:
        """Return whether this part is a partition of this source, not of one that the mapping named before."""
        return part.rpartition("/")[0] == self._topic
