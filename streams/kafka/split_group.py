"""Split of a consumer group that several stages shared into one group a stage."""

from collections.abc import Iterator

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from streams.errors import UsageError
from streams.kafka.clients import client_config
from streams.kafka.polling import while_temporary
from streams.settings import Settings
from streams.topology import all_stages, group, sources

_ANSWER_S = 20.0


def split_group(settings: Settings, old: str) -> Iterator[str]:
    """Copy a group's offsets to the groups of the stages that have none, and yield a line for each stage.

    The old group stays. A stage's group that has offsets is left alone: its workers have begun.

    Raises
    ------
    UsageError
        The group has no offsets, or the broker refuses or does not answer.
    """
    admin = AdminClient(client_config(settings))
    try:
        if not (shared := _offsets(admin, old)):
            raise UsageError(f"group {old} has no offsets")
        for stage in all_stages(settings):
            topics = {settings.topic_prefix + source for source in sources(stage)}
            offsets, name = [tp for tp in shared if tp.topic in topics], group(settings, stage)
            if any(tp.topic in topics for tp in _offsets(admin, name)):
                yield f"{name} has offsets of its own: unchanged"
            elif offsets:
                _write(admin, name, offsets)
                yield f"{name} goes on where {old} was: {len(offsets)} partitions"
    except KafkaException as error:
        raise UsageError(f"group {old} cannot be split: {error.args[0].str()}") from error


@while_temporary
def _write(admin: AdminClient, name: str, offsets: list[TopicPartition]) -> None:
    request = [ConsumerGroupTopicPartitions(name, offsets)]
    answer = admin.alter_consumer_group_offsets(request, request_timeout=_ANSWER_S)[name].result()
    for tp in answer.topic_partitions or []:
        if tp.error is not None:
            raise KafkaException(tp.error)


@while_temporary
def _offsets(admin: AdminClient, name: str) -> list[TopicPartition]:
    answer = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(name)], request_timeout=_ANSWER_S)
    return [tp for tp in answer[name].result().topic_partitions or [] if tp.offset >= 0]
