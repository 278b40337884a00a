"""Records that are processed one at a time, in a window of others that wait for their turn."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, cast

from faust.types.tuples import TP

from streams.engine.commit_notes import CommitNotes, Note
from streams.engine.faust_driver.consumer import Consumer
from streams.engine.guard import Guard
from streams.engine.isolation import Isolation
from streams.engine.record import Record
from streams.engine.waiting import waiting
from streams.engine.window import Window
from tests.support.deadline import DEADLINE_S

_PARTITION = TP("posts", 0)


class MadeConsumer:
    def __init__(self) -> None:
        self.notes = CommitNotes[TP](window=20)
        self.notes.take_over(_PARTITION, 0, str(Note(owned=True, deaths=1)))

    async def commit_notes(self, partitions: set[TP]) -> None:
        assert partitions == {_PARTITION}
        await asyncio.sleep(0)


@dataclass
class Item:
    offset: int
    partition: object = _PARTITION

    def ack(self) -> None:
        pass


class MadeGuard:
    """A guard whose handler waits for a turn at something, as the one of decode does, and has to run alone."""

    stage = "decode"

    def __init__(self) -> None:
        self.finished: list[int] = []
        self.running = 0

    async def __call__(self, record: Record) -> None:
        self.running += 1
        assert self.running == 1
        async with waiting():
            for _ in range(5):  # long enough for the window to start another record in this one's place
                await asyncio.sleep(0)
        self.finished.append(record.offset)
        self.running -= 1


async def test_a_record_that_is_processed_alone_gets_its_place_back_from_those_that_wait_for_their_turn() -> None:
    isolation, guard, consumer = Isolation(), MadeGuard(), cast("Consumer", MadeConsumer())

    async def work(item: Item) -> None:
        record = Record("posts", 0, item.offset, None, None)
        await isolation.process(cast("Guard[Any]", guard), record, _PARTITION, consumer)

    async def items() -> AsyncIterator[Item]:
        for offset in range(20):
            yield Item(offset)

    await asyncio.wait_for(Window(work, limit=2).run(items()), DEADLINE_S)
    assert guard.finished == list(range(20))
