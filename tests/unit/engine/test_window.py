import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

import pytest

from streams.engine.window import Window
from tests.support.deadline import DEADLINE_S


@dataclass(eq=False)
class Letter:
    """An item whose work ends when the test says so."""

    name: str
    partition: object = 0
    acked: list[str] = field(default_factory=list)
    end: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    started: bool = False
    was_cancelled: bool = False
    ack_error: Exception | None = None

    def ack(self) -> None:
        if self.ack_error is not None:
            raise self.ack_error
        self.acked.append(self.name)

    async def work(self) -> None:
        self.started = True
        try:
            await self.end
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise


def letters(names: str, partition: object = 0, acked: list[str] | None = None) -> list[Letter]:
    acked = [] if acked is None else acked
    return [Letter(name, partition, acked) for name in names]


async def given(items: Iterable[Letter], *, endless: bool = False) -> AsyncIterator[Letter]:
    for item in items:
        yield item
    if endless:
        await asyncio.Event().wait()


async def settle() -> None:
    """Let everything that can run do so; nothing here waits for time."""
    for _ in range(20):
        await asyncio.sleep(0)


def window(limit: int = 8) -> Window[Letter]:
    return Window(Letter.work, limit)


async def started(*items: Letter, a_window: Window[Letter] | None = None, endless: bool = False) -> asyncio.Task[None]:
    running = asyncio.create_task((a_window or window()).run(given(items, endless=endless)))
    await settle()
    return running


async def end(*items: Letter) -> None:
    for item in items:
        item.end.set_result(None)
    await settle()


async def finish(running: asyncio.Task[None]) -> None:
    await asyncio.wait_for(running, DEADLINE_S)


async def test_records_done_out_of_order_are_acked_in_order() -> None:
    a, b, c = letters("abc")
    running = await started(a, b, c)
    for item in (c, b):
        await end(item)
        assert a.acked == []
    a.end.set_result(None)
    await finish(running)
    assert a.acked == ["a", "b", "c"]


async def test_a_hung_head_holds_back_its_own_partition_only() -> None:
    acked: list[str] = []
    hung, behind = letters("ab", 0, acked)
    other, another = letters("cd", 1, acked)
    running = await started(hung, behind, other, another)
    await end(behind, another, other)
    assert acked == ["c", "d"]
    hung.end.set_result(None)
    await finish(running)
    assert acked == ["c", "d", "a", "b"]


async def test_finished_records_behind_a_slow_head_take_no_slot() -> None:
    slow, *others = letters("abcdefgh")
    a_window = window(limit=2)
    running = await started(slow, *others, a_window=a_window)
    for item in others:
        assert item.started
        await end(item)
    assert (a_window.depth, slow.acked) == (8, [])
    await end(slow)
    await finish(running)
    assert slow.acked == list("abcdefgh")


async def test_a_slow_record_of_one_partition_holds_up_no_other_partition() -> None:
    slow, behind = letters("ab", partition=0)
    others = [Letter(str(n), partition=1 + n % 7) for n in range(300)]
    running = await started(slow, behind, *others, a_window=window(limit=16))
    for item in others:
        item.end.set_result(None)
        await settle()
    assert all(item.acked for item in others)
    await end(slow, behind)
    await finish(running)


async def test_reading_stops_at_the_limit_of_finished_records() -> None:
    items = letters("abcdef")
    a_window = Window(Letter.work, limit=2, max_finished=2)
    running = await started(*items, a_window=a_window)
    await end(*items[1:4])
    assert [item.started for item in items] == [True] * 4 + [False] * 2
    await end(items[0])
    assert [item.started for item in items] == [True] * 6
    await end(*items[4:])
    await finish(running)


async def test_the_age_is_that_of_the_oldest_in_flight_in_any_partition(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 100.0
    monkeypatch.setattr("streams.engine.window.time.monotonic", lambda: now_s)
    old, new = Letter("old", 0), Letter("new", 1)
    a_window = window()
    assert a_window.age_s == 0.0

    async def come() -> AsyncIterator[Letter]:
        nonlocal now_s
        yield old
        now_s = 130.0
        yield new

    running = asyncio.create_task(a_window.run(come()))
    await settle()
    now_s = 190.0
    assert a_window.age_s == 90.0
    await end(old)
    assert a_window.age_s == 60.0
    new.end.set_result(None)
    await finish(running)
    assert a_window.age_s == 0.0


async def test_the_limit_holds_over_all_partitions() -> None:
    items = [Letter(str(n), partition=n) for n in range(5)]
    running = await started(*items, a_window=window(limit=2))
    assert sum(item.started for item in items) == 2
    await end(*items)
    await finish(running)


async def test_what_is_done_at_once_is_acked() -> None:
    items = letters("abcdef")
    await end(*items)
    await finish(asyncio.create_task(window(limit=1).run(given(items))))
    assert items[0].acked == list("abcdef")


async def test_nothing_at_or_after_a_failure_is_acked_and_it_is_raised() -> None:
    a, b, c, d = letters("abcd")
    elsewhere = Letter("x", 1, a.acked)
    running = await started(a, b, c, d, elsewhere, endless=True)
    await end(c, a)
    b.end.set_exception(LookupError("broken"))
    with pytest.raises(LookupError, match="broken"):
        await finish(running)
    assert a.acked == ["a"]
    assert d.was_cancelled
    assert elsewhere.was_cancelled


async def test_a_failure_behind_a_slow_head_shows_once_the_head_is_done() -> None:
    a, b, c = letters("abc")
    running = await started(a, b, c, endless=True)
    b.end.set_exception(LookupError("broken"))
    await settle()
    a.end.set_result(None)
    c.end.set_result(None)
    with pytest.raises(LookupError):
        await finish(running)
    assert a.acked == ["a"]


async def test_two_failures_at_once_raise_the_first() -> None:
    a, b = letters("ab")
    x = Letter("x", 1, a.acked)
    running = await started(a, b, x)
    a.end.set_exception(LookupError("first"))
    x.end.set_exception(KeyError("second"))
    with pytest.raises(LookupError, match="first"):
        await finish(running)
    assert a.acked == []


async def test_a_record_whose_work_was_cancelled_is_a_failure_that_can_be_seen() -> None:
    # Were it a CancelledError, Faust would take it for a rebalance and start the agent again, past the lost record.
    a, b = letters("ab")
    running = await started(a, b, endless=True)
    b.end.set_result(None)
    a.end.cancel()
    with pytest.raises(RuntimeError, match="cancelled"):
        await finish(running)
    assert a.acked == []


async def test_an_ack_that_fails_ends_the_window() -> None:
    a, b = letters("ab")
    a.ack_error = KeyError("no such partition")
    running = await started(a, b, a_window=window(limit=1), endless=True)
    a.end.set_result(None)
    with pytest.raises(KeyError):
        await finish(running)


async def test_cancelling_the_window_cancels_the_work_and_acks_nothing_more() -> None:
    a, b, c = letters("abc")
    running = await started(a, b, c, endless=True)
    await end(b)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await finish(running)
    assert (a.was_cancelled, c.was_cancelled) == (True, True)
    assert a.acked == []


async def test_work_that_outlives_its_cancellation_is_not_acked() -> None:
    acked: list[str] = []
    stubborn = Letter("a", 0, acked)

    async def work(item: Letter) -> None:
        try:
            await item.end
        except asyncio.CancelledError:
            await asyncio.sleep(0)

    running = asyncio.create_task(Window(work, 4).run(given([stubborn], endless=True)))
    await settle()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await finish(running)
    assert acked == []


async def test_an_input_that_breaks_is_raised_and_its_work_cancelled() -> None:
    (a,) = letters("a")

    async def broken() -> AsyncIterator[Letter]:
        yield a
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        await finish(asyncio.create_task(window().run(broken())))
    assert a.was_cancelled or not a.started
    assert a.acked == []


async def test_the_end_of_the_input_waits_for_what_is_in_flight() -> None:
    a, b = letters("ab")
    running = await started(a, b)
    assert not running.done()
    await end(a)
    assert not running.done()
    b.end.set_result(None)
    await finish(running)
    assert a.acked == ["a", "b"]


async def test_a_failure_while_draining_is_raised() -> None:
    a, b = letters("ab")
    running = await started(a, b)
    a.end.set_exception(LookupError("broken"))
    with pytest.raises(LookupError):
        await finish(running)
    assert b.was_cancelled


async def test_no_input_ends_at_once() -> None:
    await finish(asyncio.create_task(window().run(given([]))))
