"""Records that kill their worker: owner after owner with the driver's consumer and the window."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.structs import OffsetAndMetadata
from faust.types.tuples import TP, ConsumerMessage

from streams.engine.app import _faust_app
from streams.engine.faust_driver.consumer import Consumer
from streams.engine.isolation import Isolation
from streams.engine.record import Record
from streams.engine.window import Window
from streams.settings import load_settings

_TP = TP("posts", 0)


@dataclass
class Partition:
    """A partition whose commits outlive its owners. No timer commits: owners die before its first tick."""

    size: int
    killers: AbstractSet[int]
    commits: dict[TP, OffsetAndMetadata] = field(default_factory=dict)
    processed: Counter[int] = field(default_factory=Counter)
    set_aside: list[int] = field(default_factory=list)

    async def own(self) -> bool:
        """Process it from the last commit on with a new worker; return whether the worker survived."""
        consumer = made_consumer(Broker(self.commits))
        await consumer.on_partitions_assigned({_TP}, 1)
        guard, isolation = Guard(self), Isolation()

        async def work(item: Item) -> None:
            await isolation.process(guard, item.record, _TP, consumer)  # type: ignore[arg-type]  # as much as it uses

        first = max(0, self.commits[_TP].offset)
        items = [Item(consumer, _message(consumer, offset)) for offset in range(first, self.size)]
        running = asyncio.create_task(Window(work, 16).run(_iterate(items)))
        died = asyncio.create_task(guard.died.wait())
        await asyncio.wait({running, died}, return_when=asyncio.FIRST_COMPLETED)
        for task in (running, died):
            task.cancel()
        await asyncio.gather(running, died, return_exceptions=True)
        if not guard.died.is_set():
            await consumer.leave()
        return not guard.died.is_set()


class Guard:
    """A guard whose worker dies of some records."""

    stage = "decode"

    def __init__(self, partition: Partition) -> None:
        self._partition = partition
        self.died = asyncio.Event()

    async def __call__(self, record: Record) -> None:
        if record.offset in self._partition.killers:
            self.died.set()
        if self.died.is_set():
            await asyncio.Event().wait()
        self._partition.processed[record.offset] += 1

    async def set_aside(self, record: Record, _: Exception) -> None:
        self._partition.set_aside.append(record.offset)


@dataclass
class Item:
    """One record in flight."""

    consumer: Consumer
    message: ConsumerMessage
    partition: object = 0

    @property
    def record(self) -> Record:
        return Record("posts", 0, self.message.offset, b"k", b"v")

    def ack(self) -> None:
        self.consumer.finish(self.message)


@dataclass
class Broker:
    """Stands in for the consumer's thread."""

    commits: dict[TP, OffsetAndMetadata]

    def assignment(self) -> set[TP]:
        return {_TP}

    async def call_thread(self, call: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
        return await call(*arguments)

    async def committed(self, partitions: Collection[TP]) -> dict[TP, OffsetAndMetadata]:
        return {tp: self.commits.get(tp, OffsetAndMetadata(-1, "")) for tp in partitions}

    async def commit(self, commits: Mapping[TP, OffsetAndMetadata]) -> bool:
        await asyncio.sleep(0)
        self.commits.update(commits)
        return True


def made_consumer(broker: Broker) -> Consumer:
    app = _faust_app("group", load_settings(bootstrap_servers="127.0.0.1:9"))
    app.topics.acks_enabled_for = lambda _: True  # type: ignore[method-assign,assignment]  # agents set it when they run
    app.consumer_generation_id = 1
    made = app.transport.create_consumer(
        callback=_ignore, on_partitions_revoked=_ignore, on_partitions_assigned=_ignore
    )
    assert isinstance(made, Consumer)
    made._thread.thread_loop.close()  # the thread that would close its loop never runs
    made._thread = broker  # type: ignore[assignment]
    return made


async def _ignore(*_: object) -> None:
    """Do nothing after an assignment."""


def _message(consumer: Consumer, offset: int) -> ConsumerMessage:
    record: dict[str, Any] = {"timestamp": 0.0, "timestamp_type": 0, "headers": None, "key": b"k", "value": b"v"}
    message = ConsumerMessage(topic="posts", partition=0, offset=offset, generation_id=1, checksum=None, **record)
    consumer.track_message(message)
    return message


async def _iterate(items: list[Item]) -> AsyncIterator[Item]:
    for item in items:
        yield item


@pytest.mark.parametrize("killer", [0, 1, 5, 15])
async def test_a_killer_behind_other_records_is_set_aside_after_four_deaths(killer: int) -> None:
    partition, deaths = Partition(20, {killer}), 0
    while not await partition.own():
        deaths += 1
        assert deaths <= 4
    assert partition.set_aside == [killer]
    assert partition.commits[_TP] == OffsetAndMetadata(20, "")
    assert set(partition.processed) == set(range(20)) - {killer}


async def test_each_of_several_killers_is_set_aside_and_no_other_record_is() -> None:
    partition, deaths = Partition(20, {3, 4, 9}), 0
    while not await partition.own():
        deaths += 1
        assert deaths <= 12
    assert partition.set_aside == [3, 4, 9]
    assert set(partition.processed) == set(range(20)) - {3, 4, 9}


async def test_a_record_that_died_alone_is_not_blamed_for_the_death_of_another() -> None:
    partition = Partition(20, {5})
    for _ in range(3):
        assert not await partition.own()
    partition.killers = {7}
    while not await partition.own():
        pass
    assert partition.set_aside == [7]
    assert partition.processed[5] == 1


async def test_the_commit_of_a_note_waits_for_the_one_under_way_and_takes_no_offset_back() -> None:
    broker, flushed = Broker({}), asyncio.Event()
    consumer = made_consumer(broker)
    await consumer.on_partitions_assigned({_TP}, 1)
    consumer.app.producer = SimpleNamespace(flush=flushed.wait)  # type: ignore[misc,assignment]  # as much as it uses
    first, second = _message(consumer, 0), _message(consumer, 1)
    consumer.finish(first)
    plain = asyncio.create_task(consumer.commit())
    await asyncio.sleep(0)
    consumer.finish(second)
    note = asyncio.create_task(consumer.commit_notes({_TP}))
    await asyncio.sleep(0)
    assert broker.commits[_TP].offset == 0
    flushed.set()
    await asyncio.gather(plain, note)
    assert broker.commits[_TP].offset == 2


async def test_a_note_for_a_partition_that_was_revoked_is_not_committed() -> None:
    broker = Broker({})
    consumer = made_consumer(broker)
    await consumer.on_partitions_assigned({_TP}, 1)
    await consumer.on_partitions_revoked({_TP})
    broker.commits[_TP] = OffsetAndMetadata(7, "of the next owner")
    await consumer.commit_notes({_TP})
    assert broker.commits[_TP] == OffsetAndMetadata(7, "of the next owner")
