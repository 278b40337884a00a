"""Partitions of a table over a topic that is a list, with the fence of transactions; no Kafka."""

import asyncio
from collections.abc import AsyncIterator, Collection
from types import SimpleNamespace
from typing import Any, cast

import pytest

from streams.engine.context import Context
from streams.engine.durable_table import DurableTable, _apply
from streams.engine.guard import DeliveryError
from streams.engine.states import States
from streams.errors import UnprocessableError, UsageError
from streams.settings import load_settings

type Writes = Collection[tuple[bytes, bytes | None]]


class MadeTopic:
    """Partitions as lists of records, and the one writer that each has."""

    def __init__(self) -> None:
        self.records: dict[int, list[tuple[bytes, bytes | None]]] = {}
        self.writers: dict[int, object] = {}
        self.transactions: list[int] = []

    def fence(self, partition: int) -> Any:
        writer = self.writers[partition] = object()

        def write(writes: Writes) -> None:
            if self.writers[partition] is not writer:
                raise UsageError("taken over by another process")
            self.transactions.append(len(writes))
            self.records.setdefault(partition, []).extend(writes)

        return write

    def read(self, partition: int, start: int, states: States) -> int:
        records = self.records.get(partition, [])
        for key, value in records[start:]:
            _apply(states, key, value)
        return len(records)


class Owner:
    """A worker with a table over the topic."""

    def __init__(self, topic: MadeTopic) -> None:
        self.generation = 1
        # The part of a context that the table uses; no broker is asked.
        context = SimpleNamespace(
            settings=load_settings(bootstrap_servers="127.0.0.1:9"),
            physical=lambda name: name,
            generation=lambda: self.generation,
            retry_while_unreachable=lambda step: step(),
        )
        self.table = DurableTable(cast("Context", context), "fusion-state")
        self.table._fence = topic.fence  # type: ignore[method-assign]
        self.table._read = topic.read  # type: ignore[method-assign]

    async def values(self, partition: int = 0) -> dict[bytes, bytes]:
        return dict((await self.table.acquire(partition)).items())

    async def put(self, key: bytes, value: bytes, partition: int = 0) -> None:
        await (await self.table.acquire(partition)).put(key, value)


@pytest.fixture
def topic() -> MadeTopic:
    return MadeTopic()


@pytest.fixture
async def owners(topic: MadeTopic) -> AsyncIterator[tuple[Owner, Owner]]:
    made = Owner(topic), Owner(topic)
    yield made
    for owner in made:
        owner.table._pool.shutdown()


async def test_the_next_owner_has_every_state(owners: tuple[Owner, Owner]) -> None:
    first, second = owners
    await first.put(b"p1", b"old")
    await first.put(b"p1", b"new")
    await first.put(b"p2", b"gone")
    await (await first.table.acquire(0)).erase(b"p2")
    await first.put(b"p3", b"elsewhere", partition=1)
    assert await second.values() == {b"p1": b"new"}


async def test_an_owner_that_outlives_its_partition_writes_nothing(
    owners: tuple[Owner, Owner], topic: MadeTopic
) -> None:
    first, second = owners
    await first.put(b"p1", b"first")
    await second.put(b"p1", b"second")  # the first worker stands still and does not know it
    with pytest.raises(DeliveryError, match="taken over"):
        await first.put(b"p1", b"stale")
    assert dict(topic.records[0]) == {b"p1": b"second"}


async def test_states_written_meanwhile_by_another_owner_are_read_when_a_partition_comes_back(
    owners: tuple[Owner, Owner],
) -> None:
    first, second = owners
    await first.put(b"p1", b"first")
    await first.put(b"p2", b"erased later")
    await second.put(b"p1", b"second")
    await (await second.table.acquire(0)).erase(b"p2")
    first.generation = 3
    assert await first.values() == {b"p1": b"second"}
    await first.put(b"p1", b"third")
    assert await first.values() == {b"p1": b"third"}


async def test_a_revoked_partition_leaves_memory(owners: tuple[Owner, Owner], topic: MadeTopic) -> None:
    first, _ = owners
    await first.put(b"p1", b"live")
    await first.put(b"p2", b"live", partition=1)
    lost = await first.table.acquire(0)
    first.table.release({1})
    assert list(first.table._held) == [1]
    topic.records[0] = []  # evicted by the next owner, and its tombstone compacted
    assert await first.values() == {}
    await lost.put(b"p1", b"of a record that is not acked either")
    assert topic.records[0] == []


async def test_a_write_that_a_rebalance_overtakes_ends_quietly(owners: tuple[Owner, Owner]) -> None:
    first, _ = owners
    old = await first.table.acquire(0)
    first.generation = 2
    await first.values()  # fences the writer of `old`
    await old.put(b"p1", b"not acked either")
    assert await first.values() == {}


async def test_writes_that_wait_share_a_transaction(owners: tuple[Owner, Owner], topic: MadeTopic) -> None:
    table = await owners[0].table.acquire(0)
    await asyncio.gather(*(table.put(f"p{number}".encode(), b"state") for number in range(20)))
    assert sum(topic.transactions) == 20
    assert len(topic.transactions) <= 2


async def test_a_table_keeps_the_value_before_one_that_is_too_large(owners: tuple[Owner, Owner]) -> None:
    first, _ = owners
    await first.put(b"p1", b"small")
    for key in (b"p1", b"p2"):
        with pytest.raises(UnprocessableError, match="for fusion-state") as refused:
            await first.put(key, b"x" * 2_000_000)
        assert refused.value.reason == "output_too_large"
    assert await first.values() == {b"p1": b"small"}


async def test_a_write_that_the_broker_does_not_take_stops_the_worker(owners: tuple[Owner, Owner]) -> None:
    first, _ = owners
    table = await first.table.acquire(0)

    def fail(_: Writes) -> None:
        raise ConnectionError("gone")

    table._write = fail
    with pytest.raises(DeliveryError, match="could not be written"):
        await table.put(b"p1", b"small")
    assert await first.values() == {}
