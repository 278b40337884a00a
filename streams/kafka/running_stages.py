"""Stages that have a worker, as a hint for commands: quick, and an empty answer where the broker gives none."""

from confluent_kafka import ConsumerGroupState, KafkaException
from confluent_kafka.admin import AdminClient

from streams.kafka.clients import client_config
from streams.settings import Settings
from streams.topology import all_stages, group

_ANSWER_S = 3.0
_WITHOUT_MEMBERS = {ConsumerGroupState.EMPTY, ConsumerGroupState.DEAD, ConsumerGroupState.UNKNOWN}


def stages_without_worker(settings: Settings) -> list[str]:
    """Return the stages whose consumer group has no member.

    If the broker does not answer in three seconds, none is returned. With access rules a stage whose group this user
    may not see is not returned either.
    """
    client = AdminClient(client_config(settings))
    try:
        listed = client.list_consumer_groups(request_timeout=_ANSWER_S).result(_ANSWER_S + 1.0).valid
    except (KafkaException, TimeoutError):
        return []
    states = {found.group_id: found.state for found in listed}
    stages = {stage: group(settings, stage) for stage in all_stages(settings)}
    seen = [stage for stage, name in stages.items() if name in states or not settings.uses_sasl]
    return [stage for stage in seen if states.get(stages[stage], ConsumerGroupState.EMPTY) in _WITHOUT_MEMBERS]
