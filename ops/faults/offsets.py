"""Committed and end offsets of a stage's source topics, read from the broker."""

from typing import NamedTuple

from confluent_kafka import Consumer, KafkaException
from confluent_kafka.admin import AdminClient

from streams.kafka.clients import client_config, reader_config
from streams.kafka.offsets import Offsets, committed_offsets, end_offsets, partitions_of
from streams.settings import Settings
from streams.topology import STAGES, group, sources

_ANSWER_S = 5.0


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
    """Reads positions; None while the broker does not answer."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._admin = AdminClient(client_config(settings))
        self._consumers = {stage: Consumer(reader_config(settings, group(settings, stage))) for stage in STAGES}

    def position(self, stage: str) -> Position | None:
        """Return the position of a stage."""
        consumer = self._consumers[stage]
        try:
            topics = [self._settings.topic_prefix + topic for topic in sources(stage)]
            partitions = partitions_of(consumer, topics, _ANSWER_S)
            ends = end_offsets(consumer, partitions, _ANSWER_S)
            return Position(committed_offsets(consumer, partitions, _ANSWER_S), ends)
        except KafkaException:
            return None

    def state(self, stage: str) -> str:
        """Return the state of a stage's group, in lower case; empty while the broker does not answer."""
        name = group(self._settings, stage)
        answer = self._admin.describe_consumer_groups([name], request_timeout=_ANSWER_S)[name]
        try:
            return str(answer.result().state.name).lower()
        except KafkaException:
            return ""
