"""Everything a run writes: outputs, how far it has come and what fusion remembers, all together or not at all."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec
from confluent_kafka import TopicPartition

from schemas.messages import Run
from streams.errors import UsageError
from streams.kafka.transactions import TransactionWriter
from streams.replay.naming import CASES, MEMORY, Naming
from streams.replay.span import Offsets
from streams.settings import Settings

PROGRESS_KEY = b""
"""In the run's memory, where the other keys are post ids."""
_ANSWER_S = 20.0


class Progress(msgspec.Struct, kw_only=True):
    """How far a run has come; with what fusion remembers, all that a restart needs.

    Attributes
    ----------
    positions
        Next offset of each topic/partition.
    clock_s
        Time of the newest record so far, seconds since the epoch.
    deadline_s, memory_s
        Fusion's, as they were at the start: other ones would lead to other verdicts.
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
    """What one transaction writes."""

    outputs: Sequence[Written] = ()
    memory: Mapping[str, bytes | None] = field(default_factory=dict)
    """What fusion remembers of posts; None forgets."""
    progress: Progress | None = None
    positions: Offsets = field(default_factory=dict)
    """Likewise how far the run has come, for tools that show a group's lag."""
    run: Run | None = None


class RunWriter(TransactionWriter):
    """Writes a run's batches; a later run_writer of the same run fences this one.

    Raises
    ------
    UsageError
        The broker has no transactions.
    """

    def __init__(self, settings: Settings, naming: Naming) -> None:
        super().__init__(settings, naming.writer)
        if not self._transactional:
            raise UsageError("this broker has no transactions, by which a run is kept exact: use an Apache Kafka")
        self._naming = naming
        self._prefix = settings.topic_prefix

    def commit(self, batch: Batch, group: object | None = None) -> None:
        """Write a batch and return once readers can see it; raises as `write_together` does."""
        self.write_together(lambda: self._write(batch, group))

    def pin(self, cases: Mapping[bytes, bytes], progress: Progress) -> None:
        """Begin a run: keep these cases and the place it starts from."""
        now_s = time.time()
        entries = [Written(CASES, key, value, now_s) for key, value in cases.items()]
        self.commit(Batch(outputs=entries, progress=progress))

    def _write(self, batch: Batch, group: object | None) -> None:
        memory = self._naming.of(MEMORY)
        for output in batch.outputs:
            self.write_bytes(self._naming.of(output.topic), output.key, output.value, at_s=output.at_s)
        for post_id, kept in batch.memory.items():
            self.write_bytes(memory, post_id.encode(), kept)
        if batch.progress is not None:
            kept = msgspec.msgpack.encode(batch.progress)
            self.write_bytes(memory, PROGRESS_KEY, kept)
        if batch.run is not None:
            self.write_bytes("runs", batch.run.run_id.encode(), self.codec.encode("runs", batch.run))
        if group is not None and batch.positions:
            partitions = [
                TopicPartition(self._prefix + place.topic, place.partition, offset)
                for place, offset in batch.positions.items()
            ]
            self._producer.send_offsets_to_transaction(partitions, group, _ANSWER_S)
