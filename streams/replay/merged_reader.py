"""Merge of several partitions into one stream, in an order that depends on the records alone."""

import time
from collections import deque
from dataclasses import dataclass, field

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from schemas.topics import TOPICS
from streams.engine.record import Record
from streams.errors import UsageError
from streams.kafka.clients import headers_of, reader_config
from streams.replay.span import Offsets, PartitionId
from streams.settings import Settings

_FULL_BYTES = 8 * 1024 * 1024
"""Bytes read ahead of one partition while another is waited for; above this it is paused."""
_PATIENCE_S = 1.0
"""Longest wait of live reading for a partition that has further records."""
_POLL_S = 0.1


@dataclass(slots=True)
class _Partition:
    """Read state of a partition."""

    id: PartitionId
    next_offset: int
    end: int | None
    """Offset to stop before; None reads without an end."""
    queue: deque[Record] = field(default_factory=deque)
    n_bytes: int = 0
    at_end: bool = False
    """Whether all records now in the partition have been read."""
    paused: bool = False

    @property
    def finished(self) -> bool:
        return self.end is not None and self.next_offset >= self.end

    def order(self) -> tuple[float, PartitionId]:
        return self.queue[0].timestamp_s, self.id


class MergedReader:
    """Reader that joins no group; of the partitions' next records the oldest comes first, ties by topic and partition.

    Parameters
    ----------
    group
        Consumer group to which a transaction commits offsets.
    starts
        First offset of each partition.
    ends
        Offset to stop before; None follows live topics, without waiting for a partition that has no records now.
    """

    def __init__(self, settings: Settings, group: str, starts: Offsets, ends: Offsets | None) -> None:
        self._prefix = settings.topic_prefix
        self._follows = ends is None
        self._partitions = {
            partition: _Partition(partition, start, None if ends is None else ends[partition])
            for partition, start in sorted(starts.items())
        }
        self._waiting_since_s = time.monotonic()
        self._consumer = Consumer(
            reader_config(
                settings,
                group,
                auto_offset_reset="error",  # deleted records must not be skipped silently
                fetch_wait_max_ms=settings.fetch_wait_ms,
                fetch_message_max_bytes=max(TOPICS[partition.topic].max_bytes for partition in starts),
                queued_max_messages_kbytes=65_536,
            )
        )
        unfinished = [partition for partition in self._partitions.values() if not partition.finished]
        self._consumer.assign([self._assignment(partition) for partition in unfinished])

    @property
    def done(self) -> bool:
        """Whether every record up to the ends has been returned."""
        return all(partition.finished and not partition.queue for partition in self._partitions.values())

    def read(self, limit: int, timeout_s: float) -> list[Record]:
        """Return up to `limit` next records in order, fewer if no more arrive in time; blocks.

        Raises
        ------
        UsageError
            The topic no longer holds the next record.
        """
        records: list[Record] = []
        deadline_s = time.monotonic() + timeout_s
        while len(records) < limit and not self.done:
            if not self._must_wait():
                records.append(self._pop())
            elif records or time.monotonic() > deadline_s:
                break
            else:
                self._fetch()
        return records

    def metadata(self) -> object:
        """Return the group metadata that a transaction needs."""
        return self._consumer.consumer_group_metadata()

    def close(self) -> None:
        """Close the connection."""
        self._consumer.close()

    def _must_wait(self) -> bool:
        """Return whether an older record than the buffered ones may still arrive."""
        empty = [partition for partition in self._partitions.values() if not partition.queue and not partition.finished]
        any_queued = any(partition.queue for partition in self._partitions.values())
        if not any_queued or not empty:
            self._waiting_since_s = time.monotonic()
            return not any_queued
        if not self._follows:
            return True
        late = time.monotonic() - self._waiting_since_s > _PATIENCE_S
        return not late and not all(partition.at_end for partition in empty)

    def _pop(self) -> Record:
        partition = min((partition for partition in self._partitions.values() if partition.queue), key=_Partition.order)
        record = partition.queue.popleft()
        partition.n_bytes -= len(record.value or b"")
        if partition.paused and partition.n_bytes < _FULL_BYTES // 4:
            partition.paused = False
            self._consumer.resume([self._assignment(partition)])
        return record

    def _fetch(self) -> None:
        # A single call for 500 records would wait for all of them.
        if (first := self._consumer.poll(_POLL_S)) is not None:
            for message in (first, *self._consumer.consume(499, timeout=0)):
                self._accept(message)

    def _accept(self, message: Message) -> None:
        topic, number, offset = message.topic(), message.partition(), message.offset()
        assert topic is not None
        assert number is not None
        partition = self._partitions[PartitionId(topic.removeprefix(self._prefix), number)]
        if (error := message.error()) is not None:
            self._handle_error(partition, error, offset)
            return
        assert offset is not None
        if partition.end is None or offset < partition.end:
            partition.queue.append(_record(partition.id, offset, message))
            partition.n_bytes += len(message.value() or b"")
        self._advance(partition, offset + 1)
        partition.at_end = False
        if partition.n_bytes > _FULL_BYTES and not partition.paused:
            partition.paused = True
            self._consumer.pause([self._assignment(partition)])

    def _handle_error(self, partition: _Partition, error: KafkaError, offset: int | None) -> None:
        # Markers of transactions are not delivered: at the end of a partition this event advances past them.
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
            partition.at_end = True
            self._advance(partition, offset or 0)
        elif error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001
            raise UsageError(
                f"{partition.id} no longer holds offset {partition.next_offset}: it was deleted before the run read it"
            )
        elif error.fatal():
            raise KafkaException(error)

    def _advance(self, partition: _Partition, offset: int) -> None:
        was_finished = partition.finished
        partition.next_offset = max(partition.next_offset, offset)
        if partition.finished and not was_finished:
            self._consumer.incremental_unassign([self._assignment(partition)])

    def _assignment(self, partition: _Partition) -> TopicPartition:
        return TopicPartition(self._prefix + partition.id.topic, partition.id.number, partition.next_offset)


def _record(partition: PartitionId, offset: int, message: Message) -> Record:
    return Record(
        topic=partition.topic,
        partition=partition.number,
        offset=offset,
        key=message.key(),
        value=message.value(),
        headers=headers_of(message),
        timestamp_s=message.timestamp()[1] / 1000,
    )
