"""Isolation of records that may have killed a worker: one at a time, set aside if it dies twice of one alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog
from faust.types.tuples import TP

from streams.engine.faust_driver.consumer import Consumer
from streams.engine.guard import Guard
from streams.engine.record import Record
from streams.engine.waiting import waiting
from streams.errors import UnprocessableError

log = structlog.get_logger()


class Isolation:
    """One per process: a worker dies with all its stages, so at most one suspect of them all is processed at once."""

    def __init__(self) -> None:
        self._alone = asyncio.Lock()

    async def process(self, guard: Guard[Any], record: Record, partition: TP, consumer: Consumer) -> None:
        """Process a record, alone if it is a suspect."""
        if not consumer.notes.is_suspect(partition, record.offset):
            await guard(record)
            return
        async with self._turn():
            if consumer.notes.has_killed(partition, record.offset):
                error = UnprocessableError("worker_died", "the worker died twice while it processed only this record")
                await guard.set_aside(record, error)
                return
            await asyncio.sleep(0)  # the window acks the record before, so that its end is committed before this begins
            consumer.notes.isolate(partition, record.offset)
            await consumer.commit_notes({partition})
            log.warning(
                "record processed alone", stage=guard.stage, partition=partition.partition, offset=record.offset
            )
            await guard(record)
            # At once, for the commit of its offset may come after the death of the next.
            consumer.notes.finish_isolated(partition)
            await consumer.commit_notes({partition})

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        async with waiting():  # in its place of the window, where the record that is processed alone may need one
            await self._alone.acquire()
        try:
            yield
        finally:
            self._alone.release()
