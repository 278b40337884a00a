"""Transactions of feeds: workers process only committed records, and their commits pass the gaps of offsets."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from tests.faults.rig import N_PARTITIONS, Fed, Rig, post
from tests.support.deadline import DEADLINE_S, until


@contextmanager
def transaction(rig: Rig, *, commit: bool) -> Iterator[Producer]:
    producer = Producer({"bootstrap.servers": rig.bootstrap, "transactional.id": f"{rig.prefix}feed", "log_level": 0})
    producer.init_transactions(DEADLINE_S)
    producer.begin_transaction()
    yield producer
    producer.flush(DEADLINE_S)
    producer.commit_transaction(DEADLINE_S) if commit else producer.abort_transaction(DEADLINE_S)


def write(rig: Rig, records: list[Fed], *, commit: bool = True) -> None:
    with transaction(rig, commit=commit) as producer:
        for record in records:
            producer.produce(rig.prefix + "posts", record.value, record.key, record.partition)


def one_each(name: str) -> list[Fed]:
    return [post(f"{name}-{p}", partition=p) for p in range(N_PARTITIONS)]


def n_left(rig: Rig) -> int:
    """Return the number of records that the group has not committed, without transaction markers."""
    options = {"bootstrap.servers": rig.bootstrap, "group.id": f"{rig.prefix}reader", "enable.partition.eof": True}
    with closing(Consumer(options)) as consumer:
        consumer.assign([TopicPartition(rig.prefix + "posts", p, offset) for p, offset in rig.committed().items()])
        n_records, at_end = 0, set[int | None]()
        while len(at_end) < N_PARTITIONS:
            message = consumer.poll(DEADLINE_S)
            assert message is not None
            if (error := message.error()) is None:
                n_records += 1
            else:
                assert error.code() == KafkaError._PARTITION_EOF
                at_end.add(message.partition())
        return n_records


def test_aborted_records_are_never_processed_and_block_no_commit(rig: Rig) -> None:
    write(rig, one_each("first"))
    # After the first record of each partition there is a gap of several offsets, and others later.
    write(rig, one_each("aborted"), commit=False)
    write(rig, one_each("aborted-too"), commit=False)
    write(rig, one_each("second"))
    worker = rig.worker()
    until(lambda: n_left(rig) == 0, "every record committed")
    write(rig, one_each("aborted-again") * 5, commit=False)
    write(rig, one_each("third"))
    until(lambda: n_left(rig) == 0, "every record committed")
    assert worker.terminate() == 0

    rig.worker()
    write(rig, one_each("aborted-at-last"), commit=False)
    write(rig, one_each("fourth"))
    until(lambda: n_left(rig) == 0, "every record committed")
    expected = {record.key for name in ("first", "second", "third", "fourth") for record in one_each(name)}
    assert rig.keys() == dict.fromkeys(expected, 1)


def test_records_of_an_open_transaction_are_processed_once_it_is_committed(rig: Rig) -> None:
    rig.worker()
    with transaction(rig, commit=True) as producer:
        for record in one_each("open"):
            producer.produce(rig.prefix + "posts", record.value, record.key, record.partition)
        producer.flush(DEADLINE_S)
        # written by another producer after it; readers wait for the open transaction
        rig.feed(one_each("other"))
        assert not rig.keys()
    until(lambda: len(rig.keys()) == 2 * N_PARTITIONS, "the records of both")
