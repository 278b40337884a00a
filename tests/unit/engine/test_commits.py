"""Commits of a consumer whose partitions may be gone."""

import asyncio

import pytest
from aiokafka.errors import UnknownTopicOrPartitionError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.types.tuples import TP

from streams.engine.faust_driver import consumer_thread
from tests.support.deadline import DEADLINE_S

GONE, LEFT = TP("texts", 9), TP("texts", 0)
COMMITS = {tp: OffsetAndMetadata(7, "") for tp in (GONE, LEFT)}


class Broker:
    """A client whose commits fail, and are tried again, as long as they hold a partition that does not exist."""

    def __init__(self, n_partitions: int) -> None:
        self.partitions: set[int] | None = set(range(n_partitions))
        self.tried = asyncio.Event()
        self.committed: set[TopicPartition] = set()

    def partitions_for_topic(self, _: str) -> set[int] | None:
        return self.partitions

    async def commit(self, commits: dict[TopicPartition, OffsetAndMetadata]) -> None:
        while any(tp.partition >= 8 for tp in commits) and self.partitions != set(range(10)):
            self.tried.set()
            await asyncio.sleep(0)
        self.committed |= commits.keys()


def thread(broker: Broker) -> consumer_thread.ConsumerThread:
    made = object.__new__(consumer_thread.ConsumerThread)
    made.__dict__.update(_ensure_consumer=lambda: broker, assignment=lambda: {GONE, LEFT})
    return made


async def commit(broker: Broker) -> bool:
    async with asyncio.timeout(DEADLINE_S):
        return await thread(broker)._commit(COMMITS)


async def test_a_commit_leaves_out_a_partition_that_no_longer_exists() -> None:
    assert await commit(broker := Broker(8))
    assert broker.committed == {LEFT}


async def test_a_commit_that_is_being_tried_goes_on_without_the_partition_that_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(consumer_thread, "_LOOK_S", 0.01)
    broker = Broker(10)
    broker.partitions = None  # the topic is being created again
    committing = asyncio.create_task(commit(broker))
    await broker.tried.wait()
    broker.partitions = set(range(8))
    assert await committing
    assert broker.committed == {LEFT}


async def test_a_commit_waits_for_a_topic_without_metadata() -> None:
    broker = Broker(10)
    broker.partitions = None
    committing = asyncio.create_task(commit(broker))
    await broker.tried.wait()
    broker.partitions = set(range(10))
    assert await committing
    assert broker.committed == {GONE, LEFT}


async def test_an_error_of_the_broker_stops_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_: object) -> None:
        raise UnknownTopicOrPartitionError

    broker, errors = Broker(10), []
    monkeypatch.setattr(broker, "commit", fail)
    made = thread(broker)

    async def crash(error: Exception) -> None:
        errors.append(error)

    made.__dict__["crash"] = crash
    assert not await made._commit(COMMITS)
    assert [type(error) for error in errors] == [UnknownTopicOrPartitionError]
