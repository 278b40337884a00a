"""Consumer lag of each stage, computed from the broker, so it is correct even for a stage that hangs or does not run.

Only records that a read_committed consumer would receive count. Transaction markers and aborted records do not, and a
partition may end with nothing else.
"""

from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import NamedTuple

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from schemas.topics import TOPICS
from streams.errors import UsageError
from streams.kafka.clients import client_config, reader_config
from streams.settings import Settings
from streams.topology import STAGES, group, readers_group, sources

ANSWER_S = 10.0

type Partition = tuple[str, int]
"""Logical topic and partition number."""
type Offsets = dict[Partition, int]


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
    """Reads consumer lag from the broker; every call raises `KafkaException` when the broker does not answer."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._prefix = settings.topic_prefix
        self._groups = {stage: group(settings, stage) for stage in STAGES}
        self._admin = AdminClient(client_config(settings))
        self._reader = Consumer(
            reader_config(
                settings,
                readers_group(settings),
                auto_offset_reset="earliest",
                isolation_level="read_committed",
                # Only one record of each partition is read, and some topics have large ones.
                queued_min_messages=1,
                fetch_message_max_bytes=1_000,
                fetch_wait_max_ms=50,
            )
        )
        self._oldest: dict[Partition, FirstRecord] = {}

    def close(self) -> None:
        """Close the connections."""
        self._reader.close()

    def partitions(self) -> list[Partition]:
        """Return every partition of every topic.

        Raises
        ------
        UsageError
            A topic that a stage reads does not exist.
        """
        topics = self._admin.list_topics(timeout=ANSWER_S).topics
        if missing := [t for stage in STAGES for t in sources(stage) if self._prefix + t not in topics]:
            raise UsageError(f"topic {self._prefix + missing[0]} does not exist: run `jikimi topics create`")
        existing = [topic for topic in TOPICS if self._prefix + topic in topics]
        return [(topic, number) for topic in existing for number in topics[self._prefix + topic].partitions]

    def end_offsets(self) -> Offsets:
        """Return the end offset of every partition of every topic; raises as `partitions` does."""
        return self._offsets(self.partitions(), OffsetSpec.latest())  # type: ignore[no-untyped-call]

    def lags(self, ends: Offsets) -> dict[str, StageLag]:
        """Return the consumer lag of each stage, given the partitions' end offsets."""
        commits = self._committed()
        starts = {stage: self._starts(stage, ends, commits.get(stage, {})) for stage in STAGES}
        all_starts = {partition: start for of_stage in starts.values() for partition, start in of_stage.items()}
        self._find_oldest({partition: start for partition, start in all_starts.items() if start < ends[partition]})
        return {stage: self._lag(of_stage, ends) for stage, of_stage in starts.items()}

    def _lag(self, starts: Offsets, ends: Offsets) -> StageLag:
        found = {partition: self._oldest[partition] for partition in starts if partition in self._oldest}
        if not found:
            return StageLag()
        records = sum(ends[partition] - oldest.offset for partition, oldest in found.items())
        return StageLag(records, min(oldest.written_s for oldest in found.values()))

    def _starts(self, stage: str, ends: Offsets, commits: Offsets) -> Offsets:
        """Return the stage's next offset in each partition: its committed offset, or the first retained one."""
        partitions = [partition for partition in ends if partition[0] in sources(stage)]
        first = self._offsets(partitions, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
        offsets = {partition: commits.get(partition, 0) for partition in partitions}
        # A committed offset past the end belongs to a topic that was deleted and recreated: the stage starts again.
        return {p: offsets[p] if first[p] <= offsets[p] <= ends[p] else first[p] for p in partitions}

    def _committed(self) -> dict[str, Offsets]:
        """Return the committed offsets of each stage that has a group.

        A query of a group that does not exist can end librdkafka 2.16 with a segmentation fault on a new broker.
        """
        listed = self._answer(self._admin.list_consumer_groups(request_timeout=ANSWER_S)).valid
        existing = {group.group_id for group in listed}
        return {stage: self._commits(group) for stage, group in self._groups.items() if group in existing}

    def _commits(self, group: str) -> Offsets:
        request = [ConsumerGroupTopicPartitions(group)]
        answer = self._answer(self._admin.list_consumer_group_offsets(request, request_timeout=ANSWER_S)[group])
        of_ours = [tp for tp in answer.topic_partitions or [] if tp.topic.removeprefix(self._prefix) in TOPICS]
        return {(tp.topic.removeprefix(self._prefix), tp.partition): tp.offset for tp in of_ours if tp.offset >= 0}

    def _offsets(self, partitions: Collection[Partition], spec: OffsetSpec) -> Offsets:
        request = {TopicPartition(self._prefix + topic, number): spec for topic, number in partitions}
        answers = self._admin.list_offsets(request, request_timeout=ANSWER_S) if request else {}
        return {
            (tp.topic.removeprefix(self._prefix), tp.partition): self._answer(a).offset for tp, a in answers.items()
        }

    def _answer[T](self, future: "Future[T]") -> T:
        """Return the answer to a query; after a failure the next one is a new client's.

        After an outage librdkafka's client may wait for ever for a coordinator that a new client finds at once, beyond
        the time limit of the query.
        """
        try:
            return future.result(ANSWER_S + 1)
        except (KafkaException, TimeoutError) as error:
            self._admin = AdminClient(client_config(self._settings))
            if isinstance(error, KafkaException):
                raise
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT)) from error  # noqa: SLF001 - its public name

    def _find_oldest(self, starts: Mapping[Partition, int]) -> None:
        """Update the oldest unprocessed record of these partitions; read only partitions whose start passed it."""
        self._oldest = {p: o for p, o in self._oldest.items() if p in starts and o.start <= starts[p] <= o.offset}
        unread = {partition: start for partition, start in starts.items() if partition not in self._oldest}
        for partition, offset, written_s in self._first_records(unread):
            self._oldest[partition] = FirstRecord(unread[partition], offset, written_s)

    def _first_records(self, starts: Mapping[Partition, int]) -> Iterator[tuple[Partition, int, float]]:
        """Yield partition, offset and timestamp of each partition's first record from its start, if it has one."""
        left = set(starts)
        self._reader.assign([TopicPartition(self._prefix + t, p, start) for (t, p), start in starts.items()])
        while left:
            message = self._reader.poll(ANSWER_S)
            if message is None:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001 - its public name
            error, offset = message.error(), message.offset()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - likewise
                raise KafkaException(error)
            name, number = message.topic() or "", message.partition() or 0
            partition = name.removeprefix(self._prefix), number
            if partition not in left:
                continue
            left.remove(partition)
            self._reader.incremental_unassign([TopicPartition(name, number)])
            if error is None and offset is not None:
                yield partition, offset, message.timestamp()[1] / 1000
        self._reader.unassign()
