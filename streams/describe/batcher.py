"""A micro-batcher: model calls of several records joined into one, each record paid back its own rows."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

type Array = npt.NDArray[Any]


class Batcher:
    """Join waiting calls along the first axis, up to `max_rows`, and run one joint call at a time in a thread.

    Nothing waits for company: a call that finds the model free starts at once, calls that come meanwhile form the next
    batch. When a joint call fails, each of its records is tried alone, so one bad record fails by itself.

    Parameters
    ----------
    call
        Maps n rows to n rows; pure, may block.
    max_rows
        The most rows in one call; a larger single request is cut.
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
            Whatever the call raised for these rows alone.
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
            # Anybody left here waits for a task that was cancelled, and would for ever.
            for _, future in (*batch, *self._waiting):
                future.cancel()
            self._waiting.clear()

    async def _serve(self, batch: list[tuple[Array, asyncio.Future[Array]]]) -> None:
        try:
            results = await asyncio.to_thread(self._join, [rows for rows, _ in batch])
        except Exception:  # noqa: BLE001 - whose fault it is shows when each is tried alone
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
            # Split all the same, a record would be paid the rows of another.
            raise ValueError(f"{len(rows)} rows went in and {len(results)} came out")
        return np.split(results, np.cumsum([len(part) for part in parts])[:-1])

    async def _one_by_one(self, batch: list[tuple[Array, asyncio.Future[Array]]]) -> None:
        for rows, future in batch:
            try:
                _settle(future, (await asyncio.to_thread(self._join, [rows]))[0])
            except Exception as error:  # noqa: BLE001 - handed to the record it belongs to
                if not future.done():
                    future.set_exception(error)


def _settle(future: asyncio.Future[Array], result: Array) -> None:
    # A record that timed out or was cancelled no longer waits.
    if not future.done():
        future.set_result(result)
