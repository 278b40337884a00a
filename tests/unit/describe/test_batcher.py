import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest

from streams.describe.batcher import Array, Batcher
from tests.support.deadline import DEADLINE_S

POISON = -13.0
"""A value that the model refuses."""


@dataclass
class Model:
    """Model that doubles rows; its first call blocks until the test opens the gate."""

    gate: threading.Event = field(default_factory=threading.Event)
    entered: threading.Event = field(default_factory=threading.Event)
    sizes: list[int] = field(default_factory=list)

    def __call__(self, rows: Array) -> Array:
        self.sizes.append(len(rows))
        self.entered.set()
        assert self.gate.wait(DEADLINE_S)
        if (rows == POISON).any():
            raise LookupError(f"cannot take {POISON}")
        return rows * 2


def rows(*values: float) -> Array:
    return np.array(values, np.float32)[:, None]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110 - the condition is set in another thread
            await asyncio.sleep(0.001)


async def busy(model: Model, max_rows: int = 8) -> tuple[Batcher, asyncio.Task[Array]]:
    """Return a batcher and a first call that occupies the model: calls submitted next wait and form one batch."""
    batcher = Batcher(model, max_rows=max_rows)
    first = asyncio.create_task(batcher.submit(rows(0)))
    await until(model.entered.is_set)
    return batcher, first


async def submit(batcher: Batcher, *calls: Array) -> list[asyncio.Task[Array]]:
    tasks = [asyncio.create_task(batcher.submit(call)) for call in calls]
    for _ in tasks:
        await asyncio.sleep(0)
    return tasks


async def answers(tasks: list[asyncio.Task[Array]]) -> list[object]:
    found = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), DEADLINE_S)
    return [type(each) if isinstance(each, BaseException) else each.ravel().tolist() for each in found]


@pytest.mark.parametrize(
    ("max_rows", "calls", "expected", "sizes"),
    [
        (8, [rows(1, 2), rows(3), rows(4, 5, 6)], [[2, 4], [6], [8, 10, 12]], [1, 6]),
        (4, [rows(1, 2, 3), rows(4, 5), rows(6, 7), rows(8)], [[2, 4, 6], [8, 10], [12, 14], [16]], [1, 3, 4, 1]),
        # The batch fails, and its calls run alone.
        (8, [rows(1), rows(2, POISON), rows(3)], [[2], LookupError, [6]], [1, 4, 1, 2, 1]),
        (8, [rows(1), np.zeros((2, 3), np.float32), rows(2)], [[2], [0] * 6, [4]], [1, 1, 2, 1]),
    ],
    ids=["joined", "never above the limit, in order", "one bad record fails alone", "rows of another shape"],
)
async def test_calls_that_wait_are_joined_and_each_gets_its_own_rows(
    max_rows: int, calls: list[Array], expected: list[object], sizes: list[int]
) -> None:
    model = Model()
    batcher, first = await busy(model, max_rows)
    waiting = await submit(batcher, *calls)
    model.gate.set()
    assert await answers([first, *waiting]) == [[0], *expected]
    assert model.sizes == sizes


async def test_a_call_to_an_idle_model_starts_at_once() -> None:
    model = Model()
    model.gate.set()
    assert (await asyncio.wait_for(Batcher(model, max_rows=32).submit(rows(3)), DEADLINE_S)).tolist() == [[6]]
    assert model.sizes == [1]


async def test_a_call_larger_than_the_limit_is_split() -> None:
    model = Model()
    model.gate.set()
    found = await Batcher(model, max_rows=4).submit(rows(*range(10)))
    assert found.ravel().tolist() == [2 * n for n in range(10)]
    assert model.sizes == [4, 4, 2]


async def test_a_model_that_returns_too_few_rows_fails_all_records() -> None:
    batcher = Batcher(lambda given: given[:-1], max_rows=8)
    tasks = await submit(batcher, rows(1, 2), rows(3, 4))
    assert await answers(tasks) == [ValueError, ValueError]


async def test_a_cancelled_call_does_not_affect_the_others() -> None:
    model = Model()
    batcher, first = await busy(model)
    gone, stays = await submit(batcher, rows(1), rows(2))
    gone.cancel()
    first.cancel()
    await asyncio.sleep(0)
    model.gate.set()
    assert await answers([gone, stays]) == [asyncio.CancelledError, [4]]


async def test_a_call_cancelled_while_its_batch_is_retried_does_not_affect_the_others() -> None:
    model = Model()
    batcher, first = await busy(model)
    gone, poison, stays = await submit(batcher, rows(1), rows(POISON), rows(2))
    gone.cancel()
    model.gate.set()
    assert await answers([first, gone, poison, stays]) == [[0], asyncio.CancelledError, LookupError, [4]]


async def test_it_accepts_calls_after_a_failure() -> None:
    model = Model()
    model.gate.set()
    batcher = Batcher(model, max_rows=8)
    with pytest.raises(LookupError):
        await batcher.submit(rows(POISON))
    assert (await batcher.submit(rows(4))).tolist() == [[8]]


async def test_all_calls_are_cancelled_when_the_run_itself_is_cancelled() -> None:
    model = Model()
    batcher, first = await busy(model, 2)
    waiting = await submit(batcher, rows(1), rows(2), rows(3))
    assert batcher._running is not None
    batcher._running.cancel()
    model.gate.set()
    assert await answers([first, *waiting]) == [asyncio.CancelledError] * 4
    model.entered.clear()
    assert (await asyncio.wait_for(batcher.submit(rows(5)), DEADLINE_S)).tolist() == [[10]]


async def test_many_concurrent_callers_each_get_their_own_rows() -> None:
    model = Model()
    model.gate.set()
    batcher = Batcher(model, max_rows=16)
    tasks = await submit(batcher, *(rows(*([n] * (n % 7 + 1))) for n in range(200)))
    assert await answers(tasks) == [[2 * n] * (n % 7 + 1) for n in range(200)]
    assert max(model.sizes) <= 16
