"""Micro-batcher: model calls of several records joined into one, with the rows returned to each record."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

type Array = npt.NDArray[Any]


class Batcher:
    """Joins waiting calls along the first axis, up to `max_rows`, and runs one joint call at a time in a thread.

    A call starts at once if the model is idle; calls submitted meanwhile form the next batch. When a joint call fails,
    each of its records is retried alone, so one bad record fails by itself.

    Parameters
    ----------
    call
        Maps n rows to n rows; pure, may block.
    max_rows
        Most rows in one call; a larger single request is split.
    """

    def __init__(self, call: Callable[[Array], Array], max_rows: int) -> None:
        self._call = call
        self._max_rows = max_rows
        self._waiting: deque[tuple[Array, asyncio.Future[Array]]] = deque()
        self._running: asyncio.Task[None] | None = None

    async def submit(self, rows: Array) -> Array:
        """Return the call's result for these rows, shape (n, …); n may not be 0.

        Raises
        ------
        Exception
            As the call for these rows alone.
        """
        future: asyncio.Future[Array] = asyncio.get_running_loop().create_future()
        self._waiting.append((rows, future))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        batch: list[tuple[Array, asyncio.Future[Array]]] = []
        try:
            while self._waiting:
                batch = self._take()
                await self._serve(batch)
        finally:
            # Futures left here belong to a cancelled task and would never complete.
            for _, future in (*batch, *self._waiting):
                future.cancel()
            self._waiting.clear()

    async def _serve(self, batch: list[tuple[Array, asyncio.Future[Array]]]) -> None:
        try:
            results = await asyncio.to_thread(self._join, [rows for rows, _ in batch])
        except Exception:  # noqa: BLE001 - the retry of each record alone finds the bad one
            await self._one_by_one(batch)
        else:
            for (_, future), result in zip(batch, results, strict=True):
                _settle(future, result)

    def _take(self) -> list[tuple[Array, asyncio.Future[Array]]]:
        batch = [self._waiting.popleft()]
        size = len(batch[0][0])
        while self._waiting and size + len(self._waiting[0][0]) <= self._max_rows:
            batch.append(self._waiting.popleft())
            size += len(batch[-1][0])
        return batch

    def _join(self, parts: list[Array]) -> list[Array]:
        rows = np.concatenate(parts)
        pieces = [self._call(rows[i : i + self._max_rows]) for i in range(0, len(rows), self._max_rows)]
        results = np.concatenate(pieces)
        if len(results) != len(rows):
            # Otherwise a record would get the rows of another.
            raise ValueError(f"the call returned {len(results)} rows for {len(rows)}")
        return np.split(results, np.cumsum([len(part) for part in parts])[:-1])

    async def _one_by_one(self, batch: list[tuple[Array, asyncio.Future[Array]]]) -> None:
        for rows, future in batch:
            try:
                _settle(future, (await asyncio.to_thread(self._join, [rows]))[0])
            except Exception as error:  # noqa: BLE001 - raised to the record's own caller
                if not future.done():
                    future.set_exception(error)


def _settle(future: asyncio.Future[Array], result: Array) -> None:
    # The future is already done if its record timed out or was cancelled.
    if not future.done():
        future.set_result(result)
