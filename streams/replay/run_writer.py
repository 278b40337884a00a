"""Transactions of a run: outputs, positions and join state are written together or not at all."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple
from uuid import uuid4

import msgspec
from confluent_kafka import TopicPartition

from schemas.messages import Run
from streams.errors import UsageError
from streams.kafka.lasting_writer import LastingWriter
from streams.kafka.transactions import TakenOverError
from streams.kafka.whole_topic import read_latest
from streams.replay.naming import CASES, STATE, Naming
from streams.replay.span import Offsets
from streams.settings import Settings

PROGRESS_KEY = b""
"""Key of the checkpoint in the run's state topic, where the other keys are post ids."""
_ANSWER_S = 20.0


class Progress(msgspec.Struct, kw_only=True):
    """Checkpoint of a run; with the join state, all that a restart needs.

    Attributes
    ----------
    positions
        Next offset of each topic/partition.
    clock_s
        Event time: timestamp of the newest record so far, seconds since the epoch.
    deadline_s, memory_s
        Fusion's deadline and state retention at the start of the run: others would lead to other verdicts.
    records, seconds, dead_letters
        As in `Run`.
    transaction
        Name of the transaction that wrote it.
    """

    positions: dict[str, int]
    deadline_s: float
    memory_s: float
    clock_s: float = 0.0
    records: dict[str, int] = {}
    seconds: dict[str, float] = {}
    dead_letters: int = 0
    transaction: str = ""


class Written(NamedTuple):
    """One record to write."""

    topic: str
    """Without prefix and run."""
    key: bytes
    value: bytes | None
    at_s: float
    """Its timestamp, seconds since the epoch."""


@dataclass(slots=True)
class Batch:
    """Records of one transaction."""

    outputs: Sequence[Written] = ()
    state: Mapping[bytes, bytes | None] = field(default_factory=dict)
    """Changed join states by post id; None erases."""
    progress: Progress | None = None
    positions: Offsets = field(default_factory=dict)
    """Next offsets, committed to the run's group for tools that show consumer lag."""
    run: Run | None = None


class RunWriter(LastingWriter):
    """Writes a run's batches; a later writer of the same run fences this one.

    Raises
    ------
    UsageError
        The broker has no transactions.
    """

    def __init__(self, settings: Settings, naming: Naming) -> None:
        super().__init__(settings, naming.writer)
        if not self._transactional:
            raise UsageError("this broker has no transactions, without which a run is not exact: use Apache Kafka")
        self._naming = naming
        self._prefix = settings.topic_prefix

    def commit(self, batch: Batch, group: object | None = None) -> None:
        """Write a batch once, and return once readers can read it; raises as `write_once` does."""
        before = ""
        if batch.progress is not None:
            before, batch.progress.transaction = batch.progress.transaction, uuid4().hex
        self.write_once(lambda: self._write(batch, group), partial(self._is_written, batch.progress, before))

    def pin(self, cases: Mapping[bytes, bytes], progress: Progress) -> None:
        """Write the start of a run: its own copy of these cases, and its first checkpoint."""
        now_s = time.time()
        entries = [Written(CASES, key, value, now_s) for key, value in cases.items()]
        self.commit(Batch(outputs=entries, progress=progress))

    def _is_written(self, progress: Progress | None, before: str) -> bool:
        if progress is None:
            return False  # the record of a run alone, the same a second time
        stored = asyncio.run(read_latest(self.settings, self._naming.of(STATE))).get(PROGRESS_KEY)
        found = msgspec.msgpack.decode(stored.value or b"", type=Progress).transaction if stored else ""
        if found not in {before, progress.transaction}:
            raise TakenOverError(f"the run {self._naming.run_id} was taken over by another process")
        return found == progress.transaction

    def _write(self, batch: Batch, group: object | None) -> None:
        state = self._naming.of(STATE)
        for output in batch.outputs:
            self.write_bytes(self._naming.of(output.topic), output.key, output.value, at_s=output.at_s)
        for post_id, value in batch.state.items():
            self.write_bytes(state, post_id, value)
        if batch.progress is not None:
            self.write_bytes(state, PROGRESS_KEY, msgspec.msgpack.encode(batch.progress))
        if batch.run is not None:
            self.write_bytes("runs", batch.run.run_id.encode(), self.codec.encode("runs", batch.run))
        if group is not None and batch.positions:
            partitions = [
                TopicPartition(self._prefix + topic, number, offset)
                for (topic, number), offset in batch.positions.items()
            ]
            self._producer.send_offsets_to_transaction(partitions, group, _ANSWER_S)
