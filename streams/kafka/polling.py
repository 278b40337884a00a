"""Next record of an assigned consumer, or the end of one of its partitions, and errors that are temporary."""

from typing import NamedTuple

import stamina
from confluent_kafka import Consumer, KafkaError, KafkaException, Message

_TEMPORARY = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001 - its public name
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
}
_PATIENCE_S = 20.0
"""Time after which a temporary error is raised."""


class Polled(NamedTuple):
    """What a poll found."""

    topic: str
    partition: int
    record: Message | None
    """None at the partition's end."""


def poll(consumer: Consumer, wait_s: float) -> Polled | None:
    """Return what comes next, None if nothing does within this time.

    Raises
    ------
    KafkaException
        The broker fails.
    """
    message = consumer.poll(wait_s)
    if message is None:
        return None
    error = message.error()
    if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
        raise KafkaException(error)
    return Polled(message.topic() or "", message.partition() or 0, message if error is None else None)


def poll_in_time(consumer: Consumer, answer_s: float) -> Polled:
    """Return what comes next; raises `KafkaException` also if nothing does within this time."""
    if (polled := poll(consumer, answer_s)) is None:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001 - its public name
    return polled


def offset_of(record: Message) -> int:
    """Return the offset of a record, which only errors may lack."""
    offset = record.offset()
    assert offset is not None
    return offset


def is_temporary(error: Exception) -> bool:
    """Return whether a broker's error is temporary: a new topic has no leader, and a new broker no coordinator."""
    return isinstance(error, KafkaException) and error.args[0].code() in _TEMPORARY


while_temporary = stamina.retry(
    on=is_temporary, attempts=None, timeout=_PATIENCE_S, wait_initial=0.05, wait_jitter=0.05, wait_max=0.25
)
"""Decorator of a query that is repeated while its error is temporary: for a second, on most new topics and brokers."""
