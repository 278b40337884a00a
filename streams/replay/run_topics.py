"""Topics of a run: created with the layout of the live ones, and deleted with the run."""

import time
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError
from confluent_kafka.admin import AdminClient, NewTopic

from schemas.topics import FOREVER, TOPICS
from streams.errors import UsageError
from streams.kafka.clients import client_config
from streams.kafka.topic_admin import accepted
from streams.kafka.topic_settings import RETENTION, settings_of
from streams.replay.naming import Naming, all_topics
from streams.settings import Settings

_ANSWER_S = 30.0
_POLL_S = 0.05


def create_topics(settings: Settings, naming: Naming, source: str) -> None:
    """Create the missing topics of a run, each with as many partitions and replicas as the live one.

    They have no retention: their records have the timestamps of the replayed ones, which a retention would delete.

    Raises
    ------
    UsageError
        The broker refuses.
    """
    admin = AdminClient(client_config(settings))
    live = admin.list_topics(timeout=_ANSWER_S).topics
    topics = []
    for topic in all_topics(source):
        partitions = live[settings.topic_prefix + topic].partitions
        config = settings_of(TOPICS[topic])
        if RETENTION in config:
            config[RETENTION] = str(FOREVER)
        topics.append(
            NewTopic(
                naming.physical(topic),
                num_partitions=len(partitions),
                replication_factor=len(partitions[0].replicas),
                config=config,
            )
        )
    answers = admin.create_topics(topics, operation_timeout=_ANSWER_S)
    _accept(answers, KafkaError.TOPIC_ALREADY_EXISTS, "created")
    _wait_until_listed(admin, {topic.topic for topic in topics})


def delete_topics(settings: Settings, naming: Naming, source: str) -> None:
    """Delete the topics and the group of a run that exist.

    Raises
    ------
    UsageError
        The broker refuses.
    """
    admin = AdminClient(client_config(settings))
    names = [naming.physical(topic) for topic in all_topics(source)]
    _accept(admin.delete_topics(names, operation_timeout=_ANSWER_S), KafkaError.UNKNOWN_TOPIC_OR_PART, "deleted")
    _accept(admin.delete_consumer_groups([naming.group]), KafkaError.GROUP_ID_NOT_FOUND, "deleted")


def _wait_until_listed(admin: AdminClient, names: set[str]) -> None:
    """Return once the broker lists the topics that it accepted, which takes a moment."""
    deadline_s = time.monotonic() + _ANSWER_S
    while not names <= admin.list_topics(timeout=_ANSWER_S).topics.keys():
        if time.monotonic() > deadline_s:
            raise UsageError("the broker accepted the run's topics but does not list them: start the run again")
        time.sleep(_POLL_S)


def _accept(answers: dict[str, Future[Any]], harmless: int, done: str) -> None:
    for name, answer in answers.items():
        accepted(answer, f"{name} cannot be {done}", harmless)
