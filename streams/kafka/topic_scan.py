"""Scan of a topic by a consumer that joins no group; its memory does not depend on the length of the topic."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition

from streams.kafka.clients import reader_config
from streams.kafka.offsets import offsets_at, watermarks
from streams.kafka.partitions import key_hash, partition_of
from streams.kafka.polling import offset_of, poll_in_time
from streams.settings import Settings

_ANSWER_S = 20.0
_QUEUE_KIB = 16 * 1024
"""Limit of the client's queue of fetched records; one record may exceed it."""


class ScannedRecord(NamedTuple):
    """One record and its position."""

    partition: int
    offset: int
    value: bytes | None
    key: bytes = b""


class TopicScan:
    """Committed records of a topic, one at a time; every call raises `KafkaException` when the broker does not answer.

    Parameters
    ----------
    topic
        Without prefix.
    """

    def __init__(self, settings: Settings, topic: str) -> None:
        self._topic = settings.topic_prefix + topic
        self._consumer = Consumer(
            reader_config(
                settings,
                auto_offset_reset="earliest",
                isolation_level="read_committed",
                # Fetch only when the queue is empty: `value` reads one record, and originals may be large.
                queued_min_messages=1,
                fetch_queue_backoff_ms=10,  # of 1 s by default, after each record
                queued_max_messages_kbytes=_QUEUE_KIB,
                fetch_wait_max_ms=50,
            )
        )

    def close(self) -> None:
        """Close the connection."""
        self._consumer.close()

    def records(self, since: datetime | None = None, partition_of_key: bytes | None = None) -> Iterator[ScannedRecord]:
        """Yield the records of every partition up to its present end.

        Parameters
        ----------
        since
            Earliest timestamp of the records; all by default.
        partition_of_key
            Key whose partition alone is read; all partitions by default.
        """
        starts = self._starts(since, partition_of_key)
        self._consumer.assign(starts)
        unread = {start.partition for start in starts}
        while unread:
            _, partition, record = poll_in_time(self._consumer, _ANSWER_S)
            if record is None:
                unread.discard(partition)
            elif partition in unread:  # not one that was written after its end was reached
                yield ScannedRecord(partition, offset_of(record), record.value(), record.key() or b"")
        self._consumer.unassign()

    def value(self, partition: int, offset: int) -> bytes | None:
        """Return the value of one record, None if it is no longer retained."""
        self._consumer.assign([TopicPartition(self._topic, partition, offset)])
        record = poll_in_time(self._consumer, _ANSWER_S).record
        self._consumer.unassign()
        return record.value() if record is not None and record.offset() == offset else None

    def _starts(self, since: datetime | None, key: bytes | None) -> list[TopicPartition]:
        found = self._consumer.list_topics(self._topic, timeout=_ANSWER_S).topics[self._topic]
        if found.error is not None:
            raise KafkaException(found.error)
        numbers = found.partitions if key is None else [partition_of(key_hash(key), len(found.partitions))]
        partitions = [(self._topic, number) for number in numbers]
        if since is None:
            firsts = {partition: self._first(partition[1]) for partition in partitions}
        else:
            firsts = offsets_at(self._consumer, partitions, int(since.timestamp() * 1000), _ANSWER_S)
        return [TopicPartition(*partition, first) for partition, first in firsts.items() if first >= 0]

    def _first(self, partition: int) -> int:
        """Return the first retained offset, -1 for an empty partition: not every broker reports its end."""
        first, end = watermarks(self._consumer, self._topic, partition, _ANSWER_S)
        return first if first < end else -1
