"""Several partitions read as one stream, in an order that depends on nothing but the records."""

import time
from collections import deque
from dataclasses import dataclass, field

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from schemas.topics import TOPICS
from streams.engine.record import Record
from streams.errors import UsageError
from streams.kafka.clients import headers_of, reader_config
from streams.replay.span import Offsets, Place
from streams.settings import Settings

_FULL_BYTES = 8 * 1024 * 1024
"""Of one partition read ahead while another is waited for; then it is paused."""
_PATIENCE_S = 1.0
"""How long a partition that must have more is waited for where records are followed live."""
_POLL_S = 0.1


@dataclass(slots=True)
class _Shard:
    """One partition."""

    place: Place
    next_offset: int
    end: int | None
    """Offset to stop before; None follows on and on."""
    queue: deque[Record] = field(default_factory=deque)
    n_bytes: int = 0
    at_end: bool = False
    """Nothing more is there now."""
    paused: bool = False

    @property
    def finished(self) -> bool:
        return self.end is not None and self.next_offset >= self.end

    def order(self) -> tuple[float, Place]:
        return self.queue[0].timestamp_s, self.place


class MergedReader:
    """Reads without joining a group. Of the partitions' next records the oldest comes first; ties by topic, partition.

    Parameters
    ----------
    group
        For the offsets that a transaction commits.
    starts
        First offset of each partition.
    ends
        Where to stop; None follows live topics: then a partition that has nothing now is not waited for.
    """

    def __init__(self, settings: Settings, group: str, starts: Offsets, ends: Offsets | None) -> None:
        self._prefix = settings.topic_prefix
        self._follows = ends is None
        self._shards = {
            place: _Shard(place, start, None if ends is None else ends[place])
            for place, start in sorted(starts.items())
        }
        self._waiting_since_s = time.monotonic()
        self._consumer = Consumer(
            reader_config(
                settings,
                group,
                auto_offset_reset="error",  # what is gone must be told, not skipped
                fetch_wait_max_ms=settings.fetch_wait_ms,
                fetch_message_max_bytes=max(TOPICS[place.topic].max_bytes for place in starts),
                queued_max_messages_kbytes=65_536,
            )
        )
        open_shards = [shard for shard in self._shards.values() if not shard.finished]
        self._consumer.assign([self._partition(shard) for shard in open_shards])

    @property
    def done(self) -> bool:
        """Whether everything up to the ends was taken."""
        return all(shard.finished and not shard.queue for shard in self._shards.values())

    def take(self, limit: int, timeout_s: float) -> list[Record]:
        """Return the next records in order, fewer if there are no more within the time; blocks.

        Raises
        ------
        UsageError
            The topic no longer holds what comes next.
        """
        taken: list[Record] = []
        deadline_s = time.monotonic() + timeout_s
        while len(taken) < limit and not self.done:
            if not self._must_wait():
                taken.append(self._pop())
            elif taken or time.monotonic() > deadline_s:
                break
            else:
                self._fetch()
        return taken

    def metadata(self) -> object:
        """Return what a transaction needs to know of the group."""
        return self._consumer.consumer_group_metadata()

    def close(self) -> None:
        """Close the connection."""
        self._consumer.close()

    def _must_wait(self) -> bool:
        """Return whether an older record than those at hand may still come."""
        empty = [shard for shard in self._shards.values() if not shard.queue and not shard.finished]
        some = len(empty) < len(self._shards) and any(shard.queue for shard in self._shards.values())
        if not some or not empty:
            self._waiting_since_s = time.monotonic()
            return not some
        if not self._follows:
            return True
        late = time.monotonic() - self._waiting_since_s > _PATIENCE_S
        return not late and not all(shard.at_end for shard in empty)

    def _pop(self) -> Record:
        shard = min((shard for shard in self._shards.values() if shard.queue), key=_Shard.order)
        record = shard.queue.popleft()
        shard.n_bytes -= len(record.value or b"")
        if shard.paused and shard.n_bytes < _FULL_BYTES // 4:
            shard.paused = False
            self._consumer.resume([self._partition(shard)])
        return record

    def _fetch(self) -> None:
        # Not one call for 500: it would wait for all of them.
        if (first := self._consumer.poll(_POLL_S)) is not None:
            for message in (first, *self._consumer.consume(499, timeout=0)):
                self._note(message)

    def _note(self, message: Message) -> None:
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        assert topic is not None
        assert partition is not None
        shard = self._shards[Place(topic.removeprefix(self._prefix), partition)]
        if (error := message.error()) is not None:
            self._note_error(shard, error, offset)
            return
        assert offset is not None
        if shard.end is None or offset < shard.end:
            shard.queue.append(_record(shard.place, offset, message))
            shard.n_bytes += len(message.value() or b"")
        self._advance(shard, offset + 1)
        shard.at_end = False
        if shard.n_bytes > _FULL_BYTES and not shard.paused:
            shard.paused = True
            self._consumer.pause([self._partition(shard)])

    def _note_error(self, shard: _Shard, error: KafkaError, offset: int | None) -> None:
        # The end is told where the last offsets hold no record but a transaction's marker.
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
            shard.at_end = True
            self._advance(shard, offset or 0)
        elif error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001
            raise UsageError(
                f"{shard.place} no longer holds offset {shard.next_offset}: it was deleted before the run came to it"
            )
        elif error.fatal():
            raise KafkaException(error)

    def _advance(self, shard: _Shard, offset: int) -> None:
        was_finished = shard.finished
        shard.next_offset = max(shard.next_offset, offset)
        if shard.finished and not was_finished:
            self._consumer.incremental_unassign([self._partition(shard)])

    def _partition(self, shard: _Shard) -> TopicPartition:
        return TopicPartition(self._prefix + shard.place.topic, shard.place.partition, shard.next_offset)


def _record(place: Place, offset: int, message: Message) -> Record:
    return Record(
        topic=place.topic,
        partition=place.partition,
        offset=offset,
        key=message.key(),
        value=message.value(),
        headers=headers_of(message),
        timestamp_s=message.timestamp()[1] / 1000,
    )
