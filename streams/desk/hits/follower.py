"""Follower of several topics from a time on, without a group, for a command that runs until it is stopped."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as Record

from schemas.codec import Codec, WireError
from schemas.messages import Message
from streams.kafka.clients import create_codec, reader_config
from streams.kafka.offsets import offsets_at, watermarks
from streams.kafka.usage_errors import usage_errors
from streams.settings import Settings

log = structlog.get_logger()

ANSWER_S = 20.0


class TopicFollower:
    """Messages of topics as they come; what cannot be decoded is logged and left out.

    Parameters
    ----------
    topics
        Without prefix.
    since
        Earliest timestamp of the records.
    """

    def __init__(self, settings: Settings, topics: Sequence[str], since: datetime) -> None:
        self._prefix = settings.topic_prefix
        self._codec = create_codec(settings)
        options = {"auto_offset_reset": "earliest", "fetch_wait_max_ms": 100}
        self._consumer = Consumer(reader_config(settings, **options))
        self._consumer.assign(self._starts(topics, since))

    def close(self) -> None:
        """Close the connection."""
        self._consumer.close()

    def messages(self) -> Iterator[Message]:
        """Yield messages for ever; while the broker does not answer, its client connects again by itself."""
        while True:
            if (message := self.next(0.5)) is not None:
                yield message

    def next(self, timeout_s: float) -> Message | None:
        """Return the next message, None if there is none in time, or one that cannot be decoded."""
        return decoded(self._consumer.poll(timeout_s), self._prefix, self._codec)

    def _starts(self, topics: Sequence[str], since: datetime) -> list[TopicPartition]:
        found = self._consumer.list_topics(timeout=ANSWER_S).topics
        if missing := [self._prefix + topic for topic in topics if self._prefix + topic not in found]:
            raise KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART, f"topic {missing[0]} does not exist"))
        partitions = [(self._prefix + one, number) for one in topics for number in found[self._prefix + one].partitions]
        starts = offsets_at(self._consumer, partitions, int(since.timestamp() * 1000), ANSWER_S)
        return [TopicPartition(*partition, self._found(*partition, start)) for partition, start in starts.items()]

    def _found(self, topic: str, partition: int, start: int) -> int:
        """Return a start; where no record is so late, the end as it is now: the client would look for it only later."""
        return start if start >= 0 else watermarks(self._consumer, topic, partition, ANSWER_S)[1]


@contextmanager
def following(settings: Settings, topics: Sequence[str], since: datetime) -> Iterator[TopicFollower]:
    """Yield a follower, and close it.

    Raises
    ------
    UsageError
        The broker or the schema registry does not answer, or there is no such topic.
    """
    with usage_errors(settings), closing(TopicFollower(settings, topics, since)) as follower:
        yield follower


def decoded(record: Record | None, prefix: str, codec: Codec) -> Message | None:
    """Return the message of a polled record, None for errors, ends of partitions and what cannot be decoded."""
    if record is None:
        return None
    if (failure := record.error()) is not None:
        if failure.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
            log.warning("broker error", error=failure.str())
        return None
    topic = (record.topic() or "").removeprefix(prefix)
    try:
        return codec.decode(topic, record.value() or b"")
    except WireError as error:
        log.warning("record refused", topic=topic, reason=error.reason, offset=record.offset())
        return None
