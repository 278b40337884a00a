"""Topics of a run: created with the layout of the live ones, and deleted with the run."""

import time
from collections.abc import Callable
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
    names = {topic.topic for topic in topics}
    _wait_until(admin, lambda listed: names <= listed, "start the run again")


def delete_topics(settings: Settings, naming: Naming, source: str) -> None:
    """Delete the topics and the group of a run that exist, and return once the broker no longer lists them.

    Raises
    ------
    UsageError
        The broker refuses.
    """
    admin = AdminClient(client_config(settings))
    names = [naming.physical(topic) for topic in all_topics(source)]
    _accept(admin.delete_topics(names, operation_timeout=_ANSWER_S), KafkaError.UNKNOWN_TOPIC_OR_PART, "deleted")
    _accept(admin.delete_consumer_groups([naming.group]), KafkaError.GROUP_ID_NOT_FOUND, "deleted")
    _wait_until(admin, lambda listed: listed.isdisjoint(names), "look at it again with `jikimi replay list`")


def _wait_until(admin: AdminClient, is_so: Callable[[set[str]], bool], remedy: str) -> None:
    """Return once the broker's list of topics shows what it has accepted, which takes a moment."""
    deadline_s = time.monotonic() + _ANSWER_S
    while not is_so(set(admin.list_topics(timeout=_ANSWER_S).topics)):
        if time.monotonic() > deadline_s:
            raise UsageError(f"the broker accepted the change, but its list of topics does not show it: {remedy}")
        time.sleep(_POLL_S)


def _accept(answers: dict[str, Future[Any]], harmless: int, done: str) -> None:
    for name, answer in answers.items():
        accepted(answer, f"{name} cannot be {done}", harmless)
