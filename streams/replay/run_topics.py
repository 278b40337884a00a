"""A run's own topics: made beside the live ones and as they are, and deleted with the run."""

import time
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError
from confluent_kafka.admin import AdminClient, NewTopic

from schemas.topics import FOREVER, TOPICS
from streams.errors import UsageError
from streams.kafka.clients import client_config
from streams.kafka.topic_admin import RETENTION, accepted, settings_of
from streams.replay.naming import Naming, all_topics
from streams.settings import Settings

_ANSWER_S = 30.0
_LOOK_AGAIN_S = 0.05


def make_topics(settings: Settings, naming: Naming, source: str) -> None:
    """Make the topics of a run that are missing, each with the partitions and copies of the live one.

    They keep everything until the run is cleaned: their records have the time of what was replayed, which a retention
    would take for old.

    Raises
    ------
    UsageError
        The broker refuses.
    """
    admin = AdminClient(client_config(settings))
    live = admin.list_topics(timeout=_ANSWER_S).topics
    wanted = []
    for topic in all_topics(source):
        shards = live[settings.topic_prefix + topic].partitions
        config = settings_of(TOPICS[topic])
        if RETENTION in config:
            config[RETENTION] = str(FOREVER)
        wanted.append(
            NewTopic(
                naming.physical(topic),
                num_partitions=len(shards),
                replication_factor=len(shards[0].replicas),
                config=config,
            )
        )
    answers = admin.create_topics(wanted, operation_timeout=_ANSWER_S)
    _accept(answers, KafkaError.TOPIC_ALREADY_EXISTS, "made")
    _wait_until_shown(admin, {topic.topic for topic in wanted})


def delete_topics(settings: Settings, naming: Naming, source: str) -> None:
    """Delete the topics and the group of a run, as far as they are there.

    Raises
    ------
    UsageError
        The broker refuses.
    """
    admin = AdminClient(client_config(settings))
    names = [naming.physical(topic) for topic in all_topics(source)]
    _accept(admin.delete_topics(names, operation_timeout=_ANSWER_S), KafkaError.UNKNOWN_TOPIC_OR_PART, "deleted")
    _accept(admin.delete_consumer_groups([naming.group]), KafkaError.GROUP_ID_NOT_FOUND, "deleted")


def _wait_until_shown(admin: AdminClient, names: set[str]) -> None:
    """Return once the broker shows what it accepted: its own view of the cluster comes a moment later."""
    deadline_s = time.monotonic() + _ANSWER_S
    while not names <= admin.list_topics(timeout=_ANSWER_S).topics.keys():
        if time.monotonic() > deadline_s:
            raise UsageError("the broker accepted the run's topics and does not show them: start it again")
        time.sleep(_LOOK_AGAIN_S)


def _accept(answers: dict[str, Future[Any]], harmless: int, done: str) -> None:
    for name, answer in answers.items():
        accepted(answer, f"{name} cannot be {done}", harmless)
