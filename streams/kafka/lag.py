"""Consumer lag of each stage, computed from the broker, so it is correct even for a stage that hangs or does not run.

Only records that a read_committed consumer would receive count. Transaction markers and aborted records do not, and a
partition may end with nothing else.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from confluent_kafka import Consumer, TopicPartition

from schemas.topics import TOPICS
from streams.errors import UsageError
from streams.kafka.clients import reader_config
from streams.kafka.offsets import Offsets, Partition, committed_offsets, end_offsets, first_offsets, partitions_of
from streams.kafka.polling import offset_of, poll_in_time
from streams.settings import Settings
from streams.topology import STAGES, group, sources

ANSWER_S = 10.0


class FirstRecord(NamedTuple):
    """First record at or after an offset."""

    start: int
    """Offset from which it was searched."""
    offset: int
    written_s: float
    """Timestamp, seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class StageLag:
    """Consumer lag of one stage."""

    records: int = 0
    """Unprocessed records."""
    oldest_s: float | None = None
    """Timestamp of the oldest unprocessed record, seconds since the epoch; None without one."""


class LagReader:
    """Reads consumer lag from the broker; every call raises `KafkaException` when the broker does not answer in time.

    Partitions have the topics' physical names.
    """

    def __init__(self, settings: Settings) -> None:
        self._prefix = settings.topic_prefix
        self._reader = Consumer(
            reader_config(
                settings,
                auto_offset_reset="earliest",
                isolation_level="read_committed",
                # Only one record of each partition is read, and some topics have large ones.
                queued_min_messages=1,
                fetch_message_max_bytes=1_000,
                fetch_wait_max_ms=50,
            )
        )
        # None joins its group: each only reads the group's commits.
        self._groups = {stage: Consumer(reader_config(settings, group(settings, stage))) for stage in STAGES}
        self._oldest: dict[Partition, FirstRecord] = {}

    def close(self) -> None:
        """Close the connections."""
        for consumer in (self._reader, *self._groups.values()):
            consumer.close()

    def partitions(self) -> list[Partition]:
        """Return every partition of every topic.

        Raises
        ------
        UsageError
            A topic that a stage reads does not exist.
        """
        found = partitions_of(self._reader, [self._prefix + topic for topic in TOPICS], ANSWER_S)
        existing = {topic for topic, _ in found}
        if missing := [name for stage in STAGES for name in self._sources(stage) if name not in existing]:
            raise UsageError(f"topic {missing[0]} does not exist: run `jikimi topics create`")
        return found

    def end_offsets(self) -> Offsets:
        """Return the end offset of every partition of every topic; raises as `partitions` does."""
        return end_offsets(self._reader, self.partitions(), ANSWER_S)

    def lags(self, ends: Offsets) -> dict[str, StageLag]:
        """Return the consumer lag of each stage, given the partitions' end offsets."""
        starts = {stage: self._starts(stage, ends) for stage in STAGES}
        all_starts = {partition: start for of_stage in starts.values() for partition, start in of_stage.items()}
        self._find_oldest({partition: start for partition, start in all_starts.items() if start != ends[partition]})
        return {stage: self._lag(of_stage, ends) for stage, of_stage in starts.items()}

    def _sources(self, stage: str) -> list[str]:
        return [self._prefix + topic for topic in sources(stage)]

    def _lag(self, starts: Offsets, ends: Offsets) -> StageLag:
        found = {partition: self._oldest[partition] for partition in starts if partition in self._oldest}
        if not found:
            return StageLag()
        records = sum(ends[partition] - oldest.offset for partition, oldest in found.items())
        return StageLag(records, min(oldest.written_s for oldest in found.values()))

    def _starts(self, stage: str, ends: Offsets) -> Offsets:
        """Return the stage's next offset in each partition: its committed offset, or the first retained one."""
        partitions = [partition for partition in ends if partition[0] in self._sources(stage)]
        first = first_offsets(self._reader, partitions, ANSWER_S)
        offsets = dict.fromkeys(partitions, 0) | committed_offsets(self._groups[stage], partitions, ANSWER_S)
        return {p: max(offsets[p], first[p]) for p in partitions}

    def _find_oldest(self, starts: Mapping[Partition, int]) -> None:
        """Update the oldest unprocessed record of these partitions; read only partitions whose start passed it."""
        self._oldest = {p: o for p, o in self._oldest.items() if p in starts and o.start <= starts[p] <= o.offset}
        unread = {partition: start for partition, start in starts.items() if partition not in self._oldest}
        for partition, offset, written_s in self._first_records(unread):
            self._oldest[partition] = FirstRecord(unread[partition], offset, written_s)

    def _first_records(self, starts: Mapping[Partition, int]) -> Iterator[tuple[Partition, int, float]]:
        """Yield partition, offset and timestamp of each partition's first record from its start, if it has one.

        A start past the end belongs to a topic that was deleted and recreated: the fetch starts again, as the stage
        does. On the embedded broker, which returns too early an end, the fetch finds no record.
        """
        left = set(starts)
        self._reader.assign([TopicPartition(*partition, start) for partition, start in starts.items()])
        while left:
            polled = poll_in_time(self._reader, ANSWER_S)
            partition = polled.topic, polled.partition
            if partition not in left:
                continue
            left.remove(partition)
            self._reader.incremental_unassign([TopicPartition(*partition)])
            if polled.record is not None:
                yield partition, offset_of(polled.record), polled.record.timestamp()[1] / 1000
        self._reader.unassign()
