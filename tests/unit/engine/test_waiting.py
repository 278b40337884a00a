import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from schemas.messages import Verdict
from streams.engine.record import Output, Record
from streams.engine.waiting import waiting
from streams.engine.window import Window
from tests.support.virtual_time import run
from tests.unit.engine.test_guard import guarded, out


@dataclass
class Item:
    """An item of one partition."""

    number: int
    partition: object = 0

    def ack(self) -> None:
        """Nothing reads it."""


async def items(n: int) -> AsyncIterator[Item]:
    for number in range(n):
        yield Item(number)


def test_a_wait_does_not_count_against_the_deadline_but_all_other_time_does() -> None:
    async def handler(_: Verdict, __: Record) -> AsyncIterator[Output]:
        async with waiting():
            await asyncio.sleep(1_000)
        await asyncio.sleep(6)
        yield out("a")
        async with asyncio.TaskGroup() as tasks:  # of several parts that wait, each stops the clock
            for delay_s in (50, 100):
                tasks.create_task(wait(delay_s))
        await asyncio.sleep(6)
        async with waiting():
            await asyncio.sleep(1_000)
        await asyncio.sleep(6)
        yield out("never")

    async def wait(delay_s: float) -> None:
        async with waiting():
            await asyncio.sleep(delay_s)

    broker = run(guarded(handler, timeout_s=10))
    assert set(broker.keys) == {b"a"}
    assert broker.fates == [("stage_timeout", "transient")]


def test_while_records_wait_others_run_in_their_place_up_to_a_limit() -> None:
    async def trial(max_waiting: int) -> float:
        async def work(item: Item) -> None:
            if item.number < 4:
                async with waiting():
                    await asyncio.sleep(1_000)
            else:
                ended.append(asyncio.get_running_loop().time())

        ended: list[float] = []
        await Window(work, limit=2, max_waiting=max_waiting).run(items(100))
        assert len(ended) == 96
        return max(ended)

    assert run(trial(max_waiting=4)) == 0.0
    assert run(trial(max_waiting=3)) == 0.0
    assert run(trial(max_waiting=2)) == 1_000.0


def test_records_that_wait_for_one_resource_after_another_do_not_block_each_other() -> None:
    decoders = asyncio.Semaphore(4)

    async def work(_: Item) -> None:
        async with waiting():
            await asyncio.sleep(1)
        async with waiting():
            await decoders.acquire()
        await asyncio.sleep(1)
        decoders.release()

    async def trial() -> float:
        await Window(work, limit=8, max_waiting=16).run(items(100))
        return asyncio.get_running_loop().time()

    assert 25.0 <= run(trial()) <= 60.0


def test_no_more_run_than_the_limit_when_waits_end_together() -> None:
    running, most = 0, 0

    async def work(_: Item) -> None:
        nonlocal running, most
        async with waiting():
            await asyncio.sleep(10)
        running += 1
        most = max(most, running)
        await asyncio.sleep(1)
        running -= 1

    async def trial() -> float:
        await Window(work, limit=3).run(items(30))
        return asyncio.get_running_loop().time()

    assert run(trial()) == 20.0
    assert most == 3


async def test_outside_a_stage_a_wait_is_just_a_wait() -> None:
    async with waiting():
        pass
