"""First, end and committed offsets of partitions, asked for by a consumer.

A query is repeated while a partition has no leader or a group no coordinator, as of a new topic or broker.
librdkafka's queries for administrators are avoided for them: ListOffsets aborts the process when a broker goes away
meanwhile, and that for the offsets of a group that does not exist can end it with a segmentation fault.
"""

from collections.abc import Sequence

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaException, TopicPartition

from streams.kafka.polling import while_temporary

type Partition = tuple[str, int]
"""Topic and partition number."""
type Offsets = dict[Partition, int]


def partitions_of(consumer: Consumer, topics: Sequence[str], answer_s: float) -> list[Partition]:
    """Return the partitions of these topics, as far as they exist; raises `KafkaException` as the others do."""
    found = consumer.list_topics(timeout=answer_s).topics
    return [(topic, number) for topic in topics if topic in found for number in found[topic].partitions]


def first_offsets(consumer: Consumer, partitions: Sequence[Partition], answer_s: float) -> Offsets:
    """Return the first retained offset of each partition."""
    return offsets_at(consumer, partitions, OFFSET_BEGINNING, answer_s)


def end_offsets(consumer: Consumer, partitions: Sequence[Partition], answer_s: float) -> Offsets:
    """Return the end of each partition; to a read_committed consumer that is before the first open transaction."""
    return offsets_at(consumer, partitions, OFFSET_END, answer_s)


@while_temporary
def offsets_at(consumer: Consumer, partitions: Sequence[Partition], at_ms: int, answer_s: float) -> Offsets:
    """Return the first offset at or after a time (milliseconds since the epoch) of each partition, -1 where none is.

    The protocol takes the constants of the beginning and the end in place of a time.
    """
    if not partitions:
        return {}
    asked = [TopicPartition(*where, at_ms) for where in partitions]
    return _checked(consumer.offsets_for_times(asked, timeout=answer_s))


@while_temporary
def watermarks(consumer: Consumer, topic: str, partition: int, answer_s: float) -> tuple[int, int]:
    """Return the first retained offset and the end of a partition; some brokers report no end of an empty one."""
    first, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=answer_s)
    return first, end


@while_temporary
def committed_offsets(consumer: Consumer, partitions: Sequence[Partition], answer_s: float) -> Offsets:
    """Return the committed offset of the consumer's group for each partition that has one.

    Raises
    ------
    KafkaException
        The broker does not answer in time, or refuses.
    """
    if not partitions:
        return {}
    answers = consumer.committed([TopicPartition(*where) for where in partitions], timeout=answer_s)
    return {where: offset for where, offset in _checked(answers).items() if offset >= 0}


def _checked(answers: Sequence[TopicPartition]) -> Offsets:
    for answer in answers:
        if answer.error is not None:
            raise KafkaException(answer.error)
    return {(answer.topic, answer.partition): answer.offset for answer in answers}
