"""Committed and end offsets of a stage's source topics, read from the broker."""

from typing import NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from streams.kafka.clients import client_config, reader_config
from streams.settings import Settings
from streams.topology import STAGES, group, sources

_ANSWER_S = 5.0

type Offsets = dict[tuple[str, int], int]
"""Offset by physical topic and partition."""


class Position(NamedTuple):
    """Where a stage is."""

    committed: Offsets
    ends: Offsets

    @property
    def is_at_end(self) -> bool:
        """Whether every record is committed."""
        return self.has_reached(self.ends)

    def has_reached(self, ends: Offsets) -> bool:
        """Return whether everything before these offsets is committed; a recreated topic starts again at 0."""
        return all(
            self.committed.get(where, 0) >= min(end, self.ends.get(where, 0)) for where, end in ends.items() if end
        )


class OffsetReader:
    """Reads positions; None while the broker does not answer.

    It queries by consumers that never join. librdkafka's ListOffsets for administrators aborts the process when a
    broker goes away during the request (an assertion in rdkafka_queue.h).
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._admin = AdminClient(client_config(settings))
        self._consumers = {stage: Consumer(reader_config(settings, group(settings, stage))) for stage in STAGES}

    def position(self, stage: str) -> Position | None:
        """Return the position of a stage."""
        consumer = self._consumers[stage]
        try:
            partitions = self._partitions(consumer, stage)
            ends = [consumer.get_watermark_offsets(partition, _ANSWER_S)[1] for partition in partitions]
            committed = consumer.committed(partitions, timeout=_ANSWER_S)
        except KafkaException:
            return None
        where = [(partition.topic, partition.partition) for partition in partitions]
        offsets = {w: tp.offset for w, tp in zip(where, committed, strict=True) if tp.offset >= 0}
        return Position(offsets, dict(zip(where, ends, strict=True)))

    def state(self, stage: str) -> str:
        """Return the state of a stage's group, in lower case."""
        name = group(self._settings, stage)
        answer = self._admin.describe_consumer_groups([name], request_timeout=_ANSWER_S)[name]
        return str(answer.result().state.name).lower()

    def _partitions(self, consumer: Consumer, stage: str) -> list[TopicPartition]:
        topics = [self._settings.topic_prefix + topic for topic in sources(stage)]
        found = consumer.list_topics(timeout=_ANSWER_S).topics
        return [
            TopicPartition(topic, number) for topic in topics if topic in found for number in found[topic].partitions
        ]
