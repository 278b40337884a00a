"""Reader of offset ranges of a topic that joins no group."""

import threading
from collections.abc import Collection, Iterator
from itertools import pairwise
from typing import NamedTuple

from confluent_kafka import Consumer, TopicPartition

from streams.kafka.clients import headers_of, reader_config
from streams.kafka.offsets import committed_offsets, watermarks
from streams.kafka.polling import offset_of, poll_in_time
from streams.settings import Settings

_FETCH_S = 20.0
_NEAR = 8
"""Offsets between two records up to which those in between are read too: a seek takes longer."""


class RangeRecord(NamedTuple):
    """One record, not decoded."""

    offset: int
    value: bytes | None
    headers: dict[str, bytes]
    key: bytes | None = None


class RangeReader:
    """Read records of one topic by partition and offset; safe to call from any thread, one call at a time.

    Parameters
    ----------
    topic
        Without prefix.
    group
        Consumer group whose committed offsets `committed` returns; never joined, never changed. That of readers, which
        commits nothing, by default.
    options
        More of the client's options, with _ for the dots of their names.
    """

    def __init__(self, settings: Settings, topic: str, group: str | None = None, **options: int) -> None:
        self._topic = settings.topic_prefix + topic
        self._lock = threading.Lock()
        config = reader_config(settings, group, auto_offset_reset="earliest", fetch_wait_max_ms=50, **options)
        self._consumer = Consumer(config)

    def committed(self, partitions: Collection[int]) -> dict[int, int]:
        """Return the group's committed offset of each partition, 0 where it has none."""
        with self._lock:
            found = committed_offsets(self._consumer, [(self._topic, one) for one in partitions], _FETCH_S)
        return {partition: found.get((self._topic, partition), 0) for partition in partitions}

    def first(self, partition: int) -> int:
        """Return the first offset that is still retained."""
        return self._watermarks(partition)[0]

    def end(self, partition: int) -> int:
        """Return the offset after the last record."""
        return max(0, self._watermarks(partition)[1])

    def partitions(self) -> list[int]:
        """Return the partitions of the topic, none if it does not exist."""
        with self._lock:
            found = self._consumer.list_topics(self._topic, timeout=_FETCH_S).topics[self._topic]
        return sorted(found.partitions) if found.error is None else []

    def is_empty(self, partition: int) -> bool:
        """Return whether a partition never held a record: not every broker reports the end of such a one."""
        return self._watermarks(partition)[1] == 0

    def _watermarks(self, partition: int) -> tuple[int, int]:
        with self._lock:
            return watermarks(self._consumer, self._topic, partition, _FETCH_S)

    def read(self, partition: int, start: int, end: int) -> Iterator[RangeRecord]:
        """Yield the retained records from `start` to before `end`.

        Raises
        ------
        KafkaException
            The broker does not answer.
        """
        if start >= end:
            return
        with self._lock:
            self._consumer.assign([TopicPartition(self._topic, partition, start)])
            try:
                yield from self._read_until(end)
            finally:
                self._consumer.unassign()

    def record(self, partition: int, offset: int) -> RangeRecord | None:
        """Return one record, None if it is no longer retained; raises as `read` does."""
        for found in self.read(partition, offset, offset + 1):
            return found if found.offset == offset else None  # of a recreated topic, the first of many before it
        return None

    def records(self, partition: int, offsets: Collection[int]) -> Iterator[RangeRecord]:
        """Yield those of some records that are still retained, ascending; near ones are read together.

        Raises as `read` does.
        """
        wanted = sorted(set(offsets))
        ends = [at + 1 for at, (one, after) in enumerate(pairwise(wanted)) if after - one > _NEAR]
        for start, end in pairwise([0, *ends, len(wanted)]):
            some = wanted[start:end]
            found = self.read(partition, some[0], some[-1] + 1) if some else ()
            yield from (record for record in found if record.offset in some)

    def _read_until(self, end: int) -> Iterator[RangeRecord]:
        while (record := poll_in_time(self._consumer, _FETCH_S).record) is not None:
            offset = offset_of(record)
            if offset < end:
                yield RangeRecord(offset, record.value(), headers_of(record), record.key())
            if offset + 1 >= end:
                return
