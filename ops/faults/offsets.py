"""Committed and end offsets of a stage's source topics, read from the broker."""

from typing import NamedTuple

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from streams.kafka.clients import client_config
from streams.settings import Settings
from streams.topology import group, sources

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
    """Reads positions; None while the broker does not answer."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._admin = AdminClient(client_config(settings))

    def position(self, stage: str) -> Position | None:
        """Return the position of a stage."""
        try:
            ends = self._ends([self._settings.topic_prefix + topic for topic in sources(stage)])
            committed = self._committed(group(self._settings, stage))
        except KafkaException:
            return None
        return Position({where: offset for where, offset in committed.items() if where in ends}, ends)

    def state(self, stage: str) -> str:
        """Return the state of a stage's group, in lower case."""
        name = group(self._settings, stage)
        answer = self._admin.describe_consumer_groups([name], request_timeout=_ANSWER_S)[name]
        return str(answer.result().state.name).lower()

    def _ends(self, topics: list[str]) -> Offsets:
        found = self._admin.list_topics(timeout=_ANSWER_S).topics
        partitions = [TopicPartition(t, number) for t in topics if t in found for number in found[t].partitions]
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        answers = self._admin.list_offsets(dict.fromkeys(partitions, latest), request_timeout=_ANSWER_S)
        return {(tp.topic, tp.partition): answer.result().offset for tp, answer in answers.items()}

    def _committed(self, name: str) -> Offsets:
        request = [ConsumerGroupTopicPartitions(name)]
        answer = self._admin.list_consumer_group_offsets(request, request_timeout=_ANSWER_S)[name].result()
        return {(tp.topic, tp.partition): tp.offset for tp in answer.topic_partitions or [] if tp.offset >= 0}
