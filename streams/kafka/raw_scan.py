"""Scan of all bytes that a topic still holds: what is superseded, erased or aborted too, until it is compacted."""

from collections.abc import Iterator

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams.kafka.clients import reader_config
from streams.kafka.offsets import watermarks
from streams.kafka.polling import offset_of
from streams.settings import Settings

_ANSWER_S = 20.0
_QUEUE_KIB = 32 * 1024
"""Limit of the client's queue of fetched records; one record may exceed it."""
_BATCH = 200


class RawScan:
    """Records of every partition of a topic up to its end, one at a time; closes its connection after the last.

    Parameters
    ----------
    topic
        Without prefix.

    Attributes
    ----------
    ranges
        First offset and end of each partition with records, once the scan has begun.
    """

    def __init__(self, settings: Settings, topic: str) -> None:
        self._topic = settings.topic_prefix + topic
        self.ranges: dict[int, tuple[int, int]] = {}
        self._consumer = Consumer(
            reader_config(
                settings,
                auto_offset_reset="earliest",
                isolation_level="read_uncommitted",
                queued_max_messages_kbytes=_QUEUE_KIB,
                fetch_wait_max_ms=50,
            )
        )

    def __iter__(self) -> Iterator[Message]:
        """Yield the records; raises `KafkaException` if the broker does not answer, refuses or has no such topic."""
        try:
            self.ranges = self._find_ranges()
            self._consumer.assign([TopicPartition(self._topic, p, first) for p, (first, _) in self.ranges.items()])
            unread = set(self.ranges)
            while unread:
                yield from self._read(unread)
        finally:
            self._consumer.close()

    def _read(self, unread: set[int]) -> Iterator[Message]:
        """Yield what comes next of the partitions that are not read to their end."""
        if (first := self._consumer.poll(_ANSWER_S)) is None:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001 - its public name
        # Those that have come already: `consume` would wait until a batch is full, or for all of its time.
        for message in [first, *self._consumer.consume(_BATCH, 0)]:
            partition, error = message.partition() or 0, message.error()
            if error is None and partition in unread:  # not what was written after its end was reached
                yield message
            elif error is not None and error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - likewise
                self.ranges[partition] = self.ranges[partition][0], offset_of(message)
                unread.discard(partition)
            elif error is not None:
                raise KafkaException(error)

    def _find_ranges(self) -> dict[int, tuple[int, int]]:
        """Return the offsets of each partition that holds records: not every broker reports the end of an empty one."""
        found = self._consumer.list_topics(self._topic, timeout=_ANSWER_S).topics[self._topic]
        if found.error is not None:
            raise KafkaException(found.error)
        ranges = {number: watermarks(self._consumer, self._topic, number, _ANSWER_S) for number in found.partitions}
        return {number: (first, end) for number, (first, end) in ranges.items() if first < end}


def topic_names(settings: Settings) -> set[str]:
    """Return the physical names of all topics that this user may see."""
    consumer = Consumer(reader_config(settings))
    try:
        return set(consumer.list_topics(timeout=_ANSWER_S).topics)
    finally:
        consumer.close()
