"""Topics on a real broker: created as declared, never shrunk, and every difference listed."""

import os
import time
from contextlib import closing

import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from ops.broker.kafka import Kafka
from schemas.topics import TOPICS
from streams.errors import UsageError
from streams.kafka import topic_admin
from streams.kafka.clients import reader_config
from streams.kafka.offsets import committed_offsets, partitions_of
from streams.kafka.producer import writing
from streams.settings import Settings, load_settings
from tests.support.brokers import make_topics
from tests.support.deadline import DEADLINE_S, until


def system(bootstrap: str, prefix: str = "") -> Settings:
    return load_settings(bootstrap_servers=bootstrap, topic_prefix=prefix)


def setting(client: AdminClient, topic: str, key: str) -> str:
    resource = ConfigResource(ResourceType.TOPIC, topic)
    return str(client.describe_configs([resource])[resource].result(DEADLINE_S)[key].value)


def set_setting(bootstrap: str, topic: str, key: str, value: str) -> None:
    entry = ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    client = AdminClient({"bootstrap.servers": bootstrap})
    for answer in client.incremental_alter_configs([resource]).values():
        answer.result(DEADLINE_S)
    until(lambda: setting(client, topic, key) == value)


def create_topic(bootstrap: str, topic: str, partitions: int) -> None:
    client = AdminClient({"bootstrap.servers": bootstrap})
    client.create_topics([NewTopic(topic, partitions, 1)])[topic].result(DEADLINE_S)
    until(lambda: topic in client.list_topics(timeout=DEADLINE_S).topics)


def partitions(bootstrap: str, topic: str) -> int:
    return len(AdminClient({"bootstrap.servers": bootstrap}).list_topics(timeout=DEADLINE_S).topics[topic].partitions)


def write(bootstrap: str, topic: str, value: bytes) -> None:
    producer = Producer({"bootstrap.servers": bootstrap})
    producer.produce(topic, value)
    assert producer.flush(DEADLINE_S) == 0


def read(bootstrap: str, topic: str, n: int) -> set[bytes | None]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": topic, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    values: set[bytes | None] = set()
    deadline = time.monotonic() + DEADLINE_S
    while len(values) < n and time.monotonic() < deadline:
        if (record := consumer.poll(0.5)) is not None and record.error() is None:
            values.add(record.value())
    consumer.close()
    return values


def test_created_topics_are_as_declared(kafka: str, prefix: str) -> None:
    lines = topic_admin.create(system(kafka, prefix))
    assert lines == [f"{prefix}{name}: created" for name in TOPICS]
    assert topic_admin.check(system(kafka, prefix)) == []


def test_what_is_written_as_soon_as_the_topics_exist_is_there(kafka: str, prefix: str) -> None:
    values = {str(number).encode() for number in range(400)}
    for attempt in range(3):
        made = system(kafka, f"{prefix}{attempt}-")
        make_topics(kafka, made.topic_prefix)
        with writing(made) as writer:
            for value in values:
                writer.write_bytes("descriptors", value, value)
        assert read(kafka, f"{made.topic_prefix}descriptors", len(values)) == values


def test_a_second_create_changes_nothing(kafka: str, prefix: str) -> None:
    make_topics(kafka, prefix)
    assert topic_admin.create(system(kafka, prefix)) == []


def test_a_missing_topic_is_named(kafka: str, prefix: str) -> None:
    assert topic_admin.check(system(kafka, prefix)) == [f"{prefix}{name}: missing" for name in TOPICS]


def test_a_shorter_retention_is_named_and_raised(kafka: str, prefix: str) -> None:
    make_topics(kafka, prefix)
    set_setting(kafka, f"{prefix}posts", "retention.ms", "1000")
    assert topic_admin.check(system(kafka, prefix)) == [f"{prefix}posts: retention.ms is 1000 instead of 15552000000"]
    assert topic_admin.create(system(kafka, prefix)) == [f"{prefix}posts: retention.ms set to 15552000000"]
    assert topic_admin.check(system(kafka, prefix)) == []


def test_a_finite_retention_of_an_unlimited_topic_is_named(kafka: str, prefix: str) -> None:
    make_topics(kafka, prefix)
    set_setting(kafka, f"{prefix}takedowns", "retention.ms", "99999999999999")
    assert topic_admin.check(system(kafka, prefix)) == [
        f"{prefix}takedowns: retention.ms is 99999999999999 instead of -1"
    ]


def test_more_than_declared_is_left_alone(kafka: str, prefix: str) -> None:
    make_topics(kafka, prefix)
    set_setting(kafka, f"{prefix}posts", "retention.ms", "-1")
    set_setting(kafka, f"{prefix}posts", "max.message.bytes", "9000000")
    assert topic_admin.check(system(kafka, prefix)) == []
    assert topic_admin.create(system(kafka, prefix)) == []


def test_a_lost_compaction_is_named_and_restored(kafka: str, prefix: str) -> None:
    make_topics(kafka, prefix)
    set_setting(kafka, f"{prefix}cases", "cleanup.policy", "delete")
    assert topic_admin.check(system(kafka, prefix)) == [f"{prefix}cases: cleanup.policy is delete instead of compact"]
    topic_admin.create(system(kafka, prefix))
    assert topic_admin.check(system(kafka, prefix)) == []


def test_fewer_partitions_are_named_and_grown_only_on_request(kafka: str, prefix: str) -> None:
    create_topic(kafka, f"{prefix}frames", 2)
    topic_admin.create(system(kafka, prefix))
    assert partitions(kafka, f"{prefix}frames") == 2
    (line,) = topic_admin.check(system(kafka, prefix))
    assert line.startswith(f"{prefix}frames: 2 partitions instead of 8")
    assert topic_admin.create(system(kafka, prefix), partitions={"frames": 8}) == [
        f"{prefix}frames: grown to 8 partitions"
    ]
    assert topic_admin.check(system(kafka, prefix)) == []


@pytest.mark.parametrize(
    ("name", "why"),
    [("scores", "the state of fusion"), ("cases", "older ones"), ("takedowns", "read as a whole, in order")],
)
def test_a_topic_with_fixed_partitions_is_not_grown(kafka: str, prefix: str, name: str, why: str) -> None:
    make_topics(kafka, prefix)
    with pytest.raises(UsageError, match=why):
        topic_admin.create(system(kafka, prefix), partitions={name: 16})


def test_a_state_topic_has_the_partitions_of_its_co_partitioned_topic(kafka: str, prefix: str) -> None:
    topic_admin.create(system(kafka, prefix), partitions={"scores": 12})
    assert partitions(kafka, f"{prefix}scores") == partitions(kafka, f"{prefix}fusion-state") == 12


def test_too_few_copies_are_named(kafka: str, prefix: str) -> None:
    make_topics(kafka, prefix)
    lines = topic_admin.check(system(kafka, prefix), replication=3)
    assert lines[0] == f"{prefix}posts: 1 copies instead of 3; reassign its partitions to add copies"
    assert len(lines) == len(TOPICS)


def test_a_broker_that_refuses_is_a_users_error_in_one_line(kafka: str, prefix: str) -> None:
    with pytest.raises(UsageError, match=r"^cannot create .*-posts: ") as error:
        topic_admin.create(system(kafka, prefix), replication=9)
    assert "\n" not in str(error.value)


def test_no_broker_is_a_users_error_in_one_line() -> None:
    with pytest.raises(UsageError, match=r"no Kafka broker answers at 127\.0\.0\.1:1: ") as error:
        topic_admin.check(system("127.0.0.1:1"))
    assert "\n" not in str(error.value)


def test_an_unknown_topic_is_a_users_error(kafka: str) -> None:
    with pytest.raises(UsageError, match="no such topic: post;"):
        topic_admin.create(system(kafka), partitions={"post": 3})


def test_the_largest_record_fits_and_a_larger_one_does_not(kafka: str, prefix: str) -> None:
    make_topics(kafka, prefix)
    producer = Producer({"bootstrap.servers": kafka, "message.max.bytes": 16 * 1024 * 1024})
    fates: list[KafkaError | None] = []
    for size in (TOPICS["frames"].max_bytes - 1024, TOPICS["frames"].max_bytes + 1):
        producer.produce(f"{prefix}frames", os.urandom(size), on_delivery=lambda error, _: fates.append(error))
        producer.flush(DEADLINE_S)
    assert fates[0] is None
    assert fates[1] is not None
    assert fates[1].code() == KafkaError.MSG_SIZE_TOO_LARGE


def test_the_embedded_broker_has_the_same_topics(embedded: str, prefix: str) -> None:
    topic_admin.create(system(embedded, prefix))
    assert topic_admin.check(system(embedded, prefix)) == []
    assert topic_admin.create(system(embedded, prefix)) == []


def test_every_partition_of_topics_that_were_just_created_answers(kafka: str, prefix: str) -> None:
    made = system(kafka, prefix)
    make_topics(kafka, prefix)
    with closing(Consumer(reader_config(made))) as consumer:
        partitions = partitions_of(consumer, [prefix + name for name in TOPICS], DEADLINE_S)
        # Asked once each: a partition without a leader raises.
        ends = [consumer.get_watermark_offsets(TopicPartition(*one), timeout=DEADLINE_S) for one in partitions]
    assert ends == [(0, 0)] * sum(topic.partitions for topic in TOPICS.values())


def test_records_and_topics_outlive_a_kill_and_a_restart(own_kafka: Kafka, prefix: str) -> None:
    make_topics(own_kafka.bootstrap, prefix)
    with closing(Consumer(reader_config(system(own_kafka.bootstrap, prefix)))) as consumer:
        assert committed_offsets(consumer, [(f"{prefix}posts", 0)], DEADLINE_S) == {}  # of the broker's first group
    write(own_kafka.bootstrap, f"{prefix}posts", b"before the kill")
    own_kafka.kill()
    own_kafka.start()
    write(own_kafka.bootstrap, f"{prefix}posts", b"after the kill")
    own_kafka.stop()
    own_kafka.start()
    assert topic_admin.check(system(own_kafka.bootstrap, prefix)) == []
    assert read(own_kafka.bootstrap, f"{prefix}posts", 2) == {b"before the kill", b"after the kill"}
