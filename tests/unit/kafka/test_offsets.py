"""Offsets of a partition that has no leader yet, and of a group without a coordinator: of a new topic or broker."""

from typing import Any

import pytest
import stamina
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from streams.kafka.offsets import committed_offsets, offsets_at, watermarks


class NoLeader:
    """A broker that refuses twice; a real one does so for some milliseconds that no test can choose."""

    def __init__(self, code: int = KafkaError.NOT_LEADER_FOR_PARTITION) -> None:
        self.code, self.n_asked = code, 0

    def get_watermark_offsets(self, _: TopicPartition, **__: float) -> tuple[int, int]:
        """Refuse with an exception."""
        self.n_asked += 1
        if self.n_asked <= 2:
            raise KafkaException(KafkaError(self.code))
        return 3, 7

    def offsets_for_times(self, asked: list[TopicPartition], **_: float) -> list[Any]:
        """Refuse in the answer, as librdkafka does for each partition."""
        self.n_asked += 1
        refused = KafkaError(self.code) if self.n_asked <= 2 else None
        return [_Answer(one.topic, one.partition, -1001 if refused else 5, refused) for one in asked]

    def committed(self, asked: list[TopicPartition], **times: float) -> list[Any]:
        """Refuse likewise."""
        return self.offsets_for_times(asked, **times)


class _Answer:
    def __init__(self, topic: str, partition: int, offset: int, error: KafkaError | None) -> None:
        self.topic, self.partition, self.offset, self.error = topic, partition, offset, error


@pytest.fixture(autouse=True)
def _no_pauses() -> Any:
    with stamina.set_testing(True, attempts=5):
        yield


def test_watermarks_are_asked_for_again_while_there_is_no_leader() -> None:
    broker: Any = NoLeader()
    assert watermarks(broker, "posts", 0, 1.0) == (3, 7)
    assert broker.n_asked == 3


def test_offsets_at_a_time_are_asked_for_again_while_a_partition_has_no_leader() -> None:
    broker: Any = NoLeader()
    assert offsets_at(broker, [("posts", 0), ("posts", 1)], 0, 1.0) == {("posts", 0): 5, ("posts", 1): 5}
    assert broker.n_asked == 3


def test_committed_offsets_are_asked_for_again_while_the_group_has_no_coordinator() -> None:
    broker: Any = NoLeader(KafkaError.NOT_COORDINATOR)
    assert committed_offsets(broker, [("posts", 0)], 1.0) == {("posts", 0): 5}
    assert broker.n_asked == 3


def test_another_error_is_raised_at_once() -> None:
    broker: Any = NoLeader(KafkaError.TOPIC_AUTHORIZATION_FAILED)
    with pytest.raises(KafkaException):
        watermarks(broker, "posts", 0, 1.0)
    assert broker.n_asked == 1
