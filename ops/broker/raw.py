"""Raw access to a broker's topics, independent of the code under test."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from confluent_kafka import OFFSET_BEGINNING, OFFSET_INVALID, Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from schemas.codec import Codec
from streams.kafka.offsets import committed_offsets, watermarks

CODEC = Codec()
_ANSWER_S = 120.0
"""Longest wait for an answer of a broker that may share its machine with a whole suite of tests."""


class Fed(NamedTuple):
    """One record to write."""

    topic: str
    key: str
    value: bytes | None
    at: datetime


class Kept(NamedTuple):
    """One complete record as read back."""

    partition: int
    key: bytes | None
    value: bytes | None
    timestamp_ms: int
    headers: Any


@dataclass(frozen=True)
class Broker:
    """A broker and the prefix of its topics."""

    bootstrap: str
    prefix: str

    def feed(self, records: Iterator[Fed] | list[Fed]) -> None:
        """Write records with their timestamps and return once the broker has acknowledged them."""
        # Idempotent: otherwise a retry on a busy broker changes the order of the records.
        producer = Producer(
            {
                "bootstrap.servers": self.bootstrap,
                "partitioner": "murmur2_random",
                "enable.idempotence": True,
                "max.in.flight": 1,
            }
        )
        for record in records:
            producer.produce(
                self.prefix + record.topic,
                key=record.key.encode(),
                value=record.value,
                timestamp=round(record.at.timestamp() * 1000),
            )
            producer.poll(0)
        if producer.flush(_ANSWER_S):
            raise RuntimeError("the broker did not take the records in time")

    def read(self, topic: str) -> dict[int, list[Kept]]:
        """Return every committed record of a topic, by partition; waits for the transactions that are open now.

        Raises
        ------
        RuntimeError
            If it cannot be read to its end.
        """
        ends = {number: end for (_, number), end in self.ends({topic}).items()}
        found: dict[int, list[Kept]] = {number: [] for number in ends}
        consumer = self._consumer("reader")
        consumer.assign([TopicPartition(self.prefix + topic, number, OFFSET_BEGINNING) for number in found])
        open_ends = set(found)
        while open_ends:
            message = consumer.poll(_ANSWER_S)
            if message is None:
                raise RuntimeError(f"{topic} cannot be read to its end")
            partition, error = message.partition() or 0, message.error()
            if error is None:
                kept = (message.key(), message.value(), message.timestamp()[1], message.headers())
                found[partition].append(Kept(partition, *kept))
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  # its public name
                # Before it, where the marker of a transaction that was just committed is not written yet.
                if (message.offset() or 0) >= ends[partition]:
                    open_ends.discard(partition)
            else:
                raise RuntimeError(error.str())
        consumer.close()
        return found

    def messages(self, topic: str, run: str | None = None) -> list[Any]:
        """Return the messages of a topic, or of the topic of a run."""
        name = topic if run is None else f"{topic}.{run}"
        return [CODEC.decode(topic, kept.value) for shard in self.read(name).values() for kept in shard if kept.value]

    def topics(self) -> set[str]:
        """Return the topics of this prefix, without it."""
        found = AdminClient({"bootstrap.servers": self.bootstrap}).list_topics(timeout=_ANSWER_S).topics
        return {name.removeprefix(self.prefix) for name in found if name.startswith(self.prefix)}

    def groups(self) -> set[str]:
        """Return the groups of this prefix."""
        listed = AdminClient({"bootstrap.servers": self.bootstrap}).list_consumer_groups().result(_ANSWER_S).valid
        return {group.group_id for group in listed if group.group_id.startswith(self.prefix)}

    def ends(self, topics: set[str]) -> dict[tuple[str, int], int]:
        """Return the end offset of each partition of these topics, with what no transaction has committed yet."""
        consumer = self._consumer("reader", "read_uncommitted")
        found = {
            (topic, number): watermarks(consumer, self.prefix + topic, number, _ANSWER_S)[1]
            for topic in sorted(topics)
            for number in self._shards(topic)
        }
        consumer.close()
        return found

    def committed(self, group: str, topic: str) -> list[int]:
        """Return a group's committed offset of each partition, OFFSET_INVALID where it has none."""
        consumer = self._consumer(group)
        partitions = [(self.prefix + topic, number) for number in self._shards(topic)]
        found = committed_offsets(consumer, partitions, _ANSWER_S)
        consumer.close()
        return [found.get(partition, OFFSET_INVALID) for partition in partitions]

    def _shards(self, topic: str) -> list[int]:
        name = self.prefix + topic
        found = AdminClient({"bootstrap.servers": self.bootstrap}).list_topics(name, timeout=_ANSWER_S).topics[name]
        assert found.error is None, topic
        return sorted(found.partitions)

    def _consumer(self, group: str, isolation_level: str = "read_committed") -> Consumer:
        return Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": self.prefix + group,
                "isolation.level": isolation_level,
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 20,
            }
        )
