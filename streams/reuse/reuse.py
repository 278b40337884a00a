"""Work that is done once for the same input: its outputs are found again, and copied by the stage for another post.

An input is known by a keyed digest of its bytes and of all that shapes the outputs: the release, settings, models.
Anything amiss is like an unknown input: the stage works as ever, so reuse can lose nothing.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import structlog

from schemas.messages import Message, Reusable, WrittenRecord
from streams.engine.record import Output
from streams.engine.written import last_written
from streams.reuse.inputs import Inputs
from streams.reuse.records import RecordReader
from streams.reuse.table import TOPIC, ReuseTable
from streams.telemetry import metrics

if TYPE_CHECKING:
    from streams.engine.context import Context

log = structlog.get_logger()

_MAX_RECORDS = 1_000
"""Outputs of one input; a film of three hours has 360."""


class Work:
    """Work on one input, known or not; without `inputs` nothing is known and nothing is remembered."""

    def __init__(self, inputs: Inputs | None = None, key: str = "") -> None:
        self._inputs, self._key = inputs, key
        self._entry = inputs.table.get(key) if inputs else None
        self._n_read = 0
        self._written: list[WrittenRecord] = []
        self._is_noted = True

    @property
    def outcome(self) -> str:
        """`new`, `reused`, or `lost` where not all outputs could be read again."""
        if self._entry is None:
            return "new"
        return "reused" if self._n_read == len(self._entry.records) else "lost"

    async def known(self) -> AsyncGenerator[Message]:
        """Yield the outputs of earlier work on the input, up to the first that cannot be read again."""
        if self._inputs is None or self._entry is None:
            return
        for wanted in self._entry.records:
            message = await asyncio.to_thread(self._inputs.message, self._key, wanted)
            if message is None:
                return
            self._n_read += 1
            yield message

    def note(self) -> None:
        """Note the output that was just written."""
        written = last_written.get()
        if self._inputs is None or written is None:
            self._is_noted = False
            return
        topic, partition, offset, value = written
        self._inputs.records.keep(*written)
        digest = self._inputs.digest(self._key, value)
        self._written.append(WrittenRecord(topic=topic, partition=partition, offset=offset, digest=digest))

    def remembered(self) -> list[Output]:
        """Return the entry of the noted outputs, to be written after them; none if one of them is not noted."""
        if self._inputs is None or not self._is_noted or not 0 < len(self._written) <= _MAX_RECORDS:
            return []
        entry = Reusable(records=self._written, at=datetime.now(UTC))
        self._inputs.table.put(self._key, entry)
        return [Output(TOPIC, self._key, entry)]


def inputs_of(context: "Context", stage: str) -> Inputs | None:
    """Return the inputs of a stage, which follow their topic; None where the settings leave them out or have no key."""
    settings = context.settings
    if not settings.reuse_hours:
        return None
    if not settings.term_key.get_secret_value():
        log.warning("nothing is reused: JIKIMI_TERM_KEY is not set", stage=stage)
        return None
    table = ReuseTable(settings, context.codec, stage, context.crash)
    context.background(partial(_follow, table, stage))
    return Inputs(stage, settings.required_term_key(), table, RecordReader(settings), context.codec)


async def _follow(table: ReuseTable, stage: str) -> None:
    await table.start()
    log.info("earlier work is known", stage=stage, inputs=len(table))


@asynccontextmanager
async def work_on(inputs: Inputs | None, parts: Sequence[bytes] | None) -> AsyncIterator[Work]:
    """Yield the work on an input, once no other task of this process works on it.

    Parameters
    ----------
    parts
        All that shapes the outputs, beside the release; None for an input that is always worked on.
    """
    if inputs is None or parts is None:
        yield Work()
        return
    key = inputs.key_of(parts)
    async with inputs.turn(key):
        work = Work(inputs, key)
        yield work
        metrics.REUSE.labels(inputs.stage, work.outcome).inc()
