"""Table of a stage: bytes by key here and in a compacted topic, one partition of which has one writer at a time.

Each partition is written in transactions under an id of its own. A worker that gets a partition first begins to write
under that id, which fences every earlier owner, and then reads the partition to its end: after that no write of an
earlier owner can follow, not even of one that stood still while it lost the partition.

What remains: an owner that stood still may deliver the outputs of one record before its own write is refused; they
repeat ids or are superseded, since its successor processes the same record. A broker without transactions, such as the
embedded one, fences nobody.
"""

import asyncio
import sqlite3
import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import structlog
from confluent_kafka import KafkaException

from schemas.topics import TOPICS
from streams.engine.guard import DeliveryError
from streams.engine.states import States
from streams.errors import UnprocessableError, UsageError
from streams.kafka.range_reader import RangeReader
from streams.kafka.transactions import TransactionWriter

if TYPE_CHECKING:
    from streams.engine.context import Context

log = structlog.get_logger()

_THREADS = 8
"""Transactions at once; at the limit the others wait, and with them the records that they belong to."""
_ENVELOPE_BYTES = 1024
"""Of a record, beside its value."""
_TRANSACTION_S = 300.0
"""Longer than a worker waits for the broker. It delays no other worker: the next owner ends an open transaction."""

type _Write = tuple[bytes, bytes | None]


class _Waiting(NamedTuple):
    key: bytes
    value: bytes | None
    done: asyncio.Future[None]


class TablePartition:
    """States of one partition, from its acquisition until it is lost; they and the topic never disagree.

    Parameters
    ----------
    write
        Writes keys and values in one transaction and blocks until it is committed; None is a tombstone.
    """

    def __init__(
        self,
        topic: str,
        states: States,
        write: Callable[[Collection[_Write]], None],
        pool: ThreadPoolExecutor,
    ) -> None:
        self.states = states
        self.lost = False
        self._topic = topic
        self._write = write
        self._pool = pool
        self._waiting: list[_Waiting] = []
        self._flushing: asyncio.Task[None] | None = None

    def get(self, key: bytes, /) -> bytes | None:
        """Return the value of a key, None if it has none."""
        return self.states.get(key)

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """Return all keys with their values."""
        return self.states.items()

    def due(self, now_s: float) -> Iterator[bytes]:
        """Yield the keys that are due, as `States.due`."""
        return self.states.due(now_s)

    async def put(self, key: bytes, value: bytes) -> None:
        """Set a key and return once the broker has it; nothing is written after the partition was lost.

        Raises
        ------
        DeliveryError
            The broker did not accept it, or another worker has the partition: the worker must stop.
        UnprocessableError
            The value is larger than the broker accepts; the table keeps the value before.
        """
        if len(value) > TOPICS[self._topic].max_bytes - _ENVELOPE_BYTES:
            raise UnprocessableError("output_too_large", f"{len(value):,} bytes for {self._topic}")
        await self._durable(key, value)

    async def erase(self, key: bytes) -> None:
        """Erase a key, if it is there, and return once the broker has the tombstone; raises as `put` does."""
        if key in self.states:
            await self._durable(key, None)

    async def _durable(self, key: bytes, value: bytes | None) -> None:
        """Write with everything else that waits for the transaction before."""
        if self.lost:  # the record is not acked either, and the next owner processes it again
            log.info("state not written: partition lost", topic=self._topic)
            return
        waiting = _Waiting(key, value, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush())
        await waiting.done

    async def _flush(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            error = await self._commit([(one.key, one.value) for one in batch])
            for one in batch:
                if one.done.cancelled():
                    continue
                one.done.set_result(None) if error is None else one.done.set_exception(error)
        self._flushing = None

    async def _commit(self, writes: list[_Write]) -> DeliveryError | None:
        try:
            await asyncio.get_running_loop().run_in_executor(self._pool, self._write, writes)
            for key, value in writes:
                _apply(self.states, key, value)
        except Exception as error:  # noqa: BLE001 - whatever it is, the writes that wait must end
            return None if self.lost else DeliveryError(f"table {self._topic} could not be written: {error!r}")
        return None


class _Held(NamedTuple):
    generation: int
    table: TablePartition
    position: int
    """Offset after the last record read."""


class DurableTable:
    """Partitions of a table, acquired when they are first used after a rebalance.

    Parameters
    ----------
    topic
        Without prefix; compacted, with as many partitions as the topic whose records are joined.
    due_of
        As of `States`.
    """

    def __init__(
        self, context: "Context", topic: str, due_of: Callable[[bytes], float | None] = lambda _: None
    ) -> None:
        self._context = context
        self._topic = topic
        self._due_of = due_of
        self._held: dict[int, _Held] = {}
        self._locks: dict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix=f"table-{topic}")
        self._ranges = RangeReader(context.settings, topic)

    async def acquire(self, partition: int) -> TablePartition:
        """Return the states of an assigned partition, as its only writer.

        Raises
        ------
        DeliveryError
            The broker has not answered for `delivery_timeout_s`, or refuses: the worker must stop.
        """
        async with self._locks[partition]:
            held = self._held.get(partition)
            if held is None or held.generation != self._context.generation():
                held = self._held[partition] = await self._take_over(partition, held)
            return held.table

    def release(self, owned: Collection[int]) -> None:
        """Drop the states of all partitions but these."""
        for partition in self._held.keys() - set(owned):
            self._held.pop(partition).table.lost = True

    async def _take_over(self, partition: int, before: _Held | None) -> _Held:
        if before is not None:
            before.table.lost = True
        generation = self._context.generation()
        states = before.table.states if before is not None else States(self._due_of)
        try:
            write = await self._context.retry_while_unreachable(partial(self._in_thread, self._fence, partition))
            start = before.position if before is not None else 0
            read = partial(self._in_thread, self._read, partition, start, states)
            position = await self._context.retry_while_unreachable(read)
        except (KafkaException, UsageError, sqlite3.Error) as error:
            raise DeliveryError(f"table {self._topic} could not be read: {error}") from error
        log.info("table partition acquired", topic=self._topic, partition=partition, states=len(states))
        return _Held(generation, TablePartition(self._topic, states, write, self._pool), position)

    async def _in_thread[T, *P](self, work: Callable[[*P], T], *arguments: *P) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)

    def _fence(self, partition: int) -> Callable[[Collection[_Write]], None]:
        """Begin to write a partition, which ends the writes of every earlier owner."""
        settings = self._context.settings
        writer = TransactionWriter(
            settings, f"{self._topic}-{partition}", patience_s=settings.delivery_timeout_s, transaction_s=_TRANSACTION_S
        )
        writer.start()

        def write(writes: Collection[_Write]) -> None:
            def write_all() -> None:
                for key, value in writes:
                    writer.write_bytes(self._topic, key, value, partition=partition)

            writer.write_transaction(write_all)

        return write

    def _read(self, partition: int, start: int, states: States) -> int:
        """Apply the records from an offset to the end, which may be repeated; return the offset after the last."""
        if self._ranges.is_empty(partition):
            return start
        for record in self._ranges.read(partition, start, sys.maxsize):
            _apply(states, record.key or b"", record.value)
            start = record.offset + 1
        return start


def _apply(states: States, key: bytes, value: bytes | None) -> None:
    if value is None:
        states.pop(key, None)
    else:
        states[key] = value
