"""Faults of the set-up around a worker: none is blamed on a record, and each ends in one line that names it."""

import asyncio
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, Producer
from confluent_kafka.admin import AdminClient, NewPartitions

from streams.doctor.broker import connection
from streams.errors import UsageError
from streams.kafka import topic_reader
from streams.kafka.topic_reader import TopicReader, Update
from streams.kafka.wait_for_broker import wait_for_broker
from streams.settings import load_settings
from tests.integration.system import System
from tests.support.brokers import java_kafka
from tests.support.deadline import DEADLINE_S, until


@contextmanager
def stranger(system: System, group: str) -> Iterator[Consumer]:
    """Yield a consumer of another program that was given the group of a stage."""
    options = {"bootstrap.servers": system.settings.bootstrap_servers, "group.id": group}
    with closing(Consumer(options | {"client.id": "report-of-somebody", "log_level": 0})) as consumer:
        consumer.subscribe([system.settings.topic_prefix + "verdicts"])
        yield consumer


def test_a_worker_whose_group_another_program_has_joined_ends_and_the_doctor_names_it(system: System) -> None:
    group = f"{system.settings.topic_prefix}jikimi-takedown"
    with stranger(system, group) as consumer:
        until(lambda: bool((consumer.poll(0.2), consumer.assignment())[1]))
        answer = system.jikimi("worker", "takedown")
        found = system.jikimi("doctor", "--role", "takedown").out
    assert answer.code == 1
    assert f"the broker refuses consumer group {group}: another program has joined it" in answer.err
    assert "Error while stopping child" not in answer.err
    assert f"1 members of group {group} are not workers: report-of-somebody at" in found


def test_another_program_is_refused_in_the_group_of_a_running_worker(system: System) -> None:
    worker = system.worker("takedown")
    with stranger(system, f"{system.settings.topic_prefix}jikimi-takedown") as consumer:
        refusals: list[int] = []

        def is_refused() -> bool:
            if (message := consumer.poll(0.2)) is not None and (error := message.error()) is not None:
                refusals.append(error.code())
            return bool(refusals)

        until(is_refused)
    assert refusals == [KafkaError.INCONSISTENT_GROUP_PROTOCOL]
    assert worker.stop() == 0


async def test_partitions_added_to_a_topic_that_is_read_whole_are_read_without_a_restart(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topic_reader, "_LOOK_S", 0.1)
    bootstrap, topic = system.settings.bootstrap_servers, system.settings.topic_prefix + "standings"
    found: asyncio.Queue[list[Update]] = asyncio.Queue()
    crashes: list[Exception] = []
    reader = TopicReader(system.settings, "standings", found.put_nowait, crashes.append)
    await reader.start()
    await reader.ready()
    admin = AdminClient({"bootstrap.servers": bootstrap})  # it must live until the answer has come
    await asyncio.to_thread(admin.create_partitions([NewPartitions(topic, 3)])[topic].result, DEADLINE_S)
    producer = Producer({"bootstrap.servers": bootstrap})
    until(lambda: 2 in producer.list_topics(topic, timeout=DEADLINE_S).topics[topic].partitions)
    producer.produce(topic, b"value", b"key", partition=2)
    assert await asyncio.to_thread(producer.flush, DEADLINE_S) == 0
    (update,) = await asyncio.wait_for(found.get(), DEADLINE_S)
    assert (update.partition, update.offset, update.key) == (2, 0, b"key")
    await reader.current()
    await reader.stop()
    assert crashes == []


def test_a_broker_that_advertises_an_address_where_it_is_not_is_named() -> None:
    wrong: Any = {"advertised.listeners": "PLAINTEXT://kafka.example.invalid:9092"}
    with java_kafka(**wrong) as broker:
        settings = load_settings(bootstrap_servers=broker.bootstrap, start_grace_s=20.0)
        named = r"advertises addresses .*: kafka\.example\.invalid:9092 \(.*\); correct its advertised\.listeners"
        with pytest.raises(UsageError, match=named):
            wait_for_broker(settings)
        finding = connection(settings)
    assert finding.health == "wrong"
    assert "kafka.example.invalid:9092" in finding.message
    assert "advertised.listeners" in finding.remedy
