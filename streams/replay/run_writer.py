"""Transactions of a run: outputs, positions and join state are written together or not at all."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec
from confluent_kafka import TopicPartition

from schemas.messages import Run
from streams.errors import UsageError
from streams.kafka.transactions import TransactionWriter
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
    """

    positions: dict[str, int]
    deadline_s: float
    memory_s: float
    clock_s: float = 0.0
    records: dict[str, int] = {}
    seconds: dict[str, float] = {}
    dead_letters: int = 0


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


class RunWriter(TransactionWriter):
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
        """Write a batch and return once readers can read it; raises as `write_transaction` does."""
        self.write_transaction(lambda: self._write(batch, group))

    def pin(self, cases: Mapping[bytes, bytes], progress: Progress) -> None:
        """Write the start of a run: its own copy of these cases, and its first checkpoint."""
        now_s = time.time()
        entries = [Written(CASES, key, value, now_s) for key, value in cases.items()]
        self.commit(Batch(outputs=entries, progress=progress))

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
