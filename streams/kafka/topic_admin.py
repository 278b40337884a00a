"""Topic administration: create the topics of topics.yaml on a broker, and compare the broker with it."""

import time
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import closing, suppress
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)

from schemas.topics import TOPICS
from streams.errors import UsageError
from streams.kafka.clients import client_config, reader_config
from streams.kafka.offsets import end_offsets, partitions_of
from streams.kafka.topic_differences import FoundTopic, differences, too_low
from streams.kafka.topic_settings import co_partitioned_topic, fixed_partitions_reason, settings_of
from streams.kafka.wait_for_broker import no_answer
from streams.settings import Settings

_CONNECT_TIMEOUT_S = 10.0
_ANSWER_TIMEOUT_S = 30.0
_POLL_S = 0.05
_BROKER_DEFAULT = -1


def create(
    settings: Settings, *, replication: int | None = None, partitions: Mapping[str, int] | None = None
) -> list[str]:
    """Create missing topics, raise settings that are too low, and return the changes, one line each.

    A second call changes nothing. Nothing is ever shrunk or deleted. What was created can be used at once.

    Parameters
    ----------
    replication
        Replication factor of a new topic; None is the broker's default.
    partitions
        Number of partitions by topic (without prefix), where it differs from the declared one; an existing topic is
        grown only if it is named here, and never if its partitions are fixed (`fixed_partitions_reason`).

    Raises
    ------
    UsageError
        The broker does not answer or refuses, or `partitions` names a topic that cannot grow.
    """
    client, prefix = _client(settings), settings.topic_prefix
    wanted = _partitions(partitions or {})
    found = _find(client, prefix)
    done = _create(client, prefix, {name: n for name, n in wanted.items() if name not in found}, replication)
    done += _raise_settings(client, prefix, found)
    done += _grow(client, prefix, {name: wanted[name] for name in partitions or {} if name in found}, found)
    if done:
        _wait_until_visible(client, prefix, partitions or {})
        _wait_for_leaders(settings)
    return done


def check(
    settings: Settings, *, replication: int | None = None, partitions: Mapping[str, int] | None = None
) -> list[str]:
    """Return the differences of the broker's topics from topics.yaml, one line each; empty without any.

    Raises
    ------
    UsageError
        The broker does not answer.
    """
    prefix = settings.topic_prefix
    found = _find(_client(settings), prefix)
    wanted = _partitions(partitions or {})
    lines: list[str] = []
    for name, topic in TOPICS.items():
        if name not in found:
            lines.append(f"{prefix}{name}: missing")
        else:
            lines += (f"{prefix}{name}: {line}" for line in differences(topic, found[name], wanted[name], replication))
    return lines


def _client(settings: Settings) -> AdminClient:
    client = AdminClient(client_config(settings))
    try:
        client.list_topics(timeout=_CONNECT_TIMEOUT_S)
    except KafkaException as exc:
        raise UsageError(no_answer(settings, exc.args[0].str())) from exc
    return client


def _partitions(requested: Mapping[str, int]) -> dict[str, int]:
    """Return the number of partitions of every topic; a state topic has as many as its co-partitioned topic."""
    if unknown := [name for name in requested if name not in TOPICS]:
        raise UsageError(f"no such topic: {', '.join(unknown)}; there are {', '.join(TOPICS)}")
    wanted = {name: requested.get(name, topic.partitions) for name, topic in TOPICS.items()}
    return wanted | {name: wanted[co_partitioned_topic(topic)] for name, topic in TOPICS.items() if topic.internal}


def _find(client: AdminClient, prefix: str) -> dict[str, FoundTopic]:
    """Return the declared topics that exist, by name without prefix."""
    existing = client.list_topics(timeout=_ANSWER_TIMEOUT_S).topics
    names = [name for name in TOPICS if f"{prefix}{name}" in existing]
    resources = [ConfigResource(ResourceType.TOPIC, f"{prefix}{name}") for name in names]
    answers = client.describe_configs(resources) if resources else {}
    found = {}
    for resource, answer in answers.items():
        name = resource.name.removeprefix(prefix)
        by_number = existing[resource.name].partitions
        settings = {entry.name: entry.value for entry in answer.result(_ANSWER_TIMEOUT_S).values()}
        replicas = min(len(partition.replicas) for partition in by_number.values())
        found[name] = FoundTopic(len(by_number), replicas, settings)
    return found


def _create(client: AdminClient, prefix: str, missing: Mapping[str, int], replication: int | None) -> list[str]:
    copies = _BROKER_DEFAULT if replication is None else replication
    topics = [
        NewTopic(f"{prefix}{name}", num_partitions=n, replication_factor=copies, config=settings_of(TOPICS[name]))
        for name, n in missing.items()
    ]
    answers = client.create_topics(topics, operation_timeout=_ANSWER_TIMEOUT_S) if topics else {}
    return [f"{name}: created" for name, answer in answers.items() if accepted(answer, f"cannot create {name}")]


def _raise_settings(client: AdminClient, prefix: str, found: Mapping[str, FoundTopic]) -> list[str]:
    low = {prefix + name: too_low(TOPICS[name], topic) for name, topic in found.items()}
    changes = [
        ConfigResource(
            ResourceType.TOPIC,
            name,
            incremental_configs=[
                ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET) for key, value in settings.items()
            ],
        )
        for name, settings in low.items()
        if settings
    ]
    answers = client.incremental_alter_configs(changes) if changes else {}
    for change, answer in answers.items():
        accepted(answer, f"cannot change {change.name}")
    return [f"{name}: {key} set to {value}" for name, settings in low.items() for key, value in settings.items()]


def _grow(client: AdminClient, prefix: str, requested: Mapping[str, int], found: Mapping[str, FoundTopic]) -> list[str]:
    growing = {name: n for name, n in requested.items() if n > found[name].partitions}
    for name in growing:
        if reason := fixed_partitions_reason(TOPICS[name]):
            raise UsageError(f"{prefix}{name} keeps its {found[name].partitions} partitions: {reason}")
    changes = [NewPartitions(prefix + name, n) for name, n in growing.items()]
    for name, answer in (client.create_partitions(changes) if changes else {}).items():
        accepted(answer, f"cannot grow {name}")
    return [f"{prefix}{name}: grown to {n} partitions" for name, n in growing.items()]


def _wait_until_visible(client: AdminClient, prefix: str, requested: Mapping[str, int]) -> None:
    """Return once the broker's metadata shows the accepted changes, which takes a moment."""
    deadline = time.monotonic() + _ANSWER_TIMEOUT_S
    while time.monotonic() < deadline:
        found = _find(client, prefix)
        if all(
            name in found and found[name].partitions >= requested.get(name, 1) and not too_low(topic, found[name])
            for name, topic in TOPICS.items()
        ):
            return
        time.sleep(_POLL_S)
    raise UsageError("the broker accepted the topics but does not list them: run `jikimi topics check`")


def _wait_for_leaders(settings: Settings) -> None:
    """Return once every partition has a leader that answers, or after 20 s: readers and writers ask again, too."""
    topics = [settings.topic_prefix + name for name in TOPICS]
    # Who may create topics need not be allowed to read them.
    with closing(Consumer(reader_config(settings))) as consumer, suppress(KafkaException):
        end_offsets(consumer, partitions_of(consumer, topics, _ANSWER_TIMEOUT_S), _ANSWER_TIMEOUT_S)


def accepted(answer: Future[Any], refusal: str, harmless: int = KafkaError.TOPIC_ALREADY_EXISTS) -> bool:
    """Wait for the broker's answer; return False if another client was faster.

    Parameters
    ----------
    refusal
        Start of the error message.
    harmless
        Error code that means another client was faster.

    Raises
    ------
    UsageError
        The broker refuses.
    """
    try:
        answer.result(_ANSWER_TIMEOUT_S)
    except KafkaException as exc:
        if exc.args[0].code() == harmless:
            return False
        raise UsageError(f"{refusal}: {exc.args[0].str()}") from exc
    return True
