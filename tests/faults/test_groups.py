"""Stages that move to processes of their own go on where they were."""

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from streams.errors import UsageError
from streams.kafka.split_group import split_group
from streams.settings import load_settings
from tests.faults.rig import N_PARTITIONS, UNHURRIED, Rig, duplicates, posts
from tests.support.deadline import DEADLINE_S, until


def test_from_several_stages_in_one_process_to_one_stage_a_process_no_record_is_read_twice(rig: Rig) -> None:
    rig.environment |= UNHURRIED
    rig.environment |= {"JIKIMI_ARCHIVE_DIR": str(rig.folder / "archive"), "JIKIMI_TERM_KEY": "0123456789abcdef"}
    rig.command = ("streams.cli", "worker", "decode", "takedown")
    rig.feed(posts(40, "a caption"))
    together = rig.worker()
    rig.wait_until_committed()
    assert together.terminate() == 0

    rig.command = ("streams.cli", "worker", "decode")
    rig.feed(posts(40, "a caption", start=40))
    rig.worker()
    rig.wait_until_committed()
    keys = rig.keys()
    assert (len(keys), duplicates(keys)) == (80, 0)
    assert not rig.dead_letters()


def test_the_offsets_of_a_shared_group_are_copied_to_each_stage_once(rig: Rig) -> None:
    settings = load_settings(bootstrap_servers=rig.bootstrap, topic_prefix=rig.prefix)
    shared = f"{rig.prefix}jikimi-all"
    rig.feed(posts(40))
    commit(rig, shared, "posts", 3)
    commit(rig, shared, "verdicts", 0)
    lines = list(split_group(settings, shared))
    assert [line.split()[0].removeprefix(rig.prefix) for line in lines] == ["jikimi-decode", "jikimi-takedown"]
    assert set(rig.committed().values()) == {3}

    commit(rig, f"{rig.prefix}jikimi-decode", "posts", 5)
    assert all("unchanged" in line for line in split_group(settings, shared))
    assert set(rig.committed().values()) == {5}
    with pytest.raises(UsageError, match="no offsets"):
        list(split_group(settings, "nobody"))


def commit(rig: Rig, group: str, topic: str, offset: int) -> None:
    admin = AdminClient({"bootstrap.servers": rig.bootstrap})
    offsets = [TopicPartition(rig.prefix + topic, partition, offset) for partition in range(N_PARTITIONS)]

    def written() -> bool:
        answer = admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, offsets)])[group]
        return all(tp.error is None for tp in answer.result(DEADLINE_S).topic_partitions or [])

    until(written, "offsets of a group")
