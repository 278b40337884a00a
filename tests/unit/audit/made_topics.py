"""Topics as lists of records, without a broker."""

from collections import defaultdict
from collections.abc import Iterator
from typing import cast

from schemas.codec import Codec
from schemas.messages import Message
from streams.kafka.range_reader import RangeReader, RangeRecord


class MadeTopics:
    """Records by topic, one partition each; `gap` leaves out an offset, as a transaction's control record does."""

    def __init__(self) -> None:
        self.codec = Codec()
        self.records: dict[str, list[RangeRecord]] = defaultdict(list)

    def end(self, topic: str) -> int:
        return self.records[topic][-1].offset + 1 if self.records[topic] else 0

    def write(self, topic: str, key: str, message: Message, gap: int = 0) -> None:
        value = self.codec.encode(topic, message)
        self.records[topic].append(RangeRecord(self.end(topic) + gap, value, {}, key.encode()))

    def reader(self, topic: str) -> RangeReader:
        return cast("RangeReader", MadeReader(self, topic))


class MadeReader:
    def __init__(self, topics: MadeTopics, topic: str) -> None:
        self._topics = topics
        self._topic = topic

    def partitions(self) -> list[int]:
        return [0]

    def first(self, partition: int) -> int:
        assert partition == 0
        return self._topics.records[self._topic][0].offset if self._topics.records[self._topic] else 0

    def end(self, partition: int) -> int:
        assert partition == 0
        return self._topics.end(self._topic)

    def read(self, partition: int, start: int, end: int) -> Iterator[RangeRecord]:
        assert partition == 0
        yield from [record for record in self._topics.records[self._topic] if start <= record.offset < end]
