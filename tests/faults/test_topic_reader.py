"""Reader of a whole topic: its state equals the topic, even after a broker's restart, and a read barrier waits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ops.broker.kafka import Kafka
from streams.kafka.topic_reader import TopicReader, Update
from streams.settings import load_settings
from tests.faults.rig import Fed, Rig
from tests.support.brokers import make_topics
from tests.support.deadline import DEADLINE_S


class State:
    """Values by key, and errors passed to `crash`."""

    def __init__(self) -> None:
        self.entries: dict[bytes, bytes] = {}
        self.crashes: list[Exception] = []

    def apply(self, updates: list[Update]) -> None:
        for update in updates:
            if update.value is None:
                self.entries.pop(update.key, None)
            else:
                self.entries[update.key] = update.value


@asynccontextmanager
async def reading(bootstrap: str, topic: str) -> AsyncIterator[tuple[TopicReader, State]]:
    state = State()
    reader = TopicReader(load_settings(bootstrap_servers=bootstrap), topic, state.apply, state.crashes.append)
    await reader.start()
    await reader.ready()
    yield reader, state
    await reader.stop()
    assert not state.crashes


async def test_a_read_barrier_waits_for_every_record_written_before_it(rig: Rig) -> None:
    async with reading(rig.bootstrap, rig.prefix + "cases") as (reader, state):
        for i in range(30):
            await asyncio.to_thread(rig.feed, [Fed(0, f"key-{i}", b"%d" % i)], "cases")
            await reader.current()
            assert state.entries[f"key-{i}".encode()] == b"%d" % i


async def test_a_reader_continues_after_the_broker_was_killed_and_restarted(own_kafka: Kafka, rig: Rig) -> None:
    rig.bootstrap, rig.prefix = own_kafka.bootstrap, ""
    make_topics(rig.bootstrap, rig.prefix)
    written = [Fed(0, "kept", b"1"), Fed(0, "erased", b"1"), Fed(0, "erased", None), Fed(0, "changed", b"1")]
    await asyncio.to_thread(rig.feed, written, "cases")
    async with reading(rig.bootstrap, "cases") as (reader, state):
        assert state.entries == {b"kept": b"1", b"changed": b"1"}
        own_kafka.kill()
        await asyncio.to_thread(own_kafka.start)
        later = [Fed(0, "changed", b"2"), Fed(0, "kept", None), Fed(0, "new", b"1")]
        await asyncio.to_thread(rig.feed, later, "cases")
        async with asyncio.timeout(DEADLINE_S):
            await reader.current()
        assert state.entries == {b"changed": b"2", b"new": b"1"}
