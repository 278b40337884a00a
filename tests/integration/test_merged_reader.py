"""Merge of partitions: in the order of the records' times, past aborted transactions, to ends without a record."""

import time

import pytest
from confluent_kafka import Producer

from ops.broker.raw import Broker
from streams.engine.record import Record
from streams.errors import UsageError
from streams.replay.merged_reader import MergedReader
from streams.replay.span import OffsetQuery, Offsets, PartitionId
from tests.integration.system import System
from tests.support.deadline import DEADLINE_S, until

TOPIC = "scores"
NOW_MS = int(time.time() * 1000)
"""One for the whole run: the order of the records must not depend on when each is written."""


def write(broker: Broker, *records: tuple[int, int], commit: bool | None = None) -> None:
    """Write (partition, seconds) in a transaction that is committed or aborted; without one if `commit` is None."""
    options = (
        {"enable.idempotence": True, "max.in.flight": 1}
        if commit is None
        else {"transactional.id": f"{broker.prefix}writer"}
    )
    producer = Producer({"bootstrap.servers": broker.bootstrap} | options)
    if commit is not None:
        producer.init_transactions(DEADLINE_S)
        producer.begin_transaction()
    for partition, at_s in records:
        value = f"{partition}/{at_s}".encode()
        producer.produce(broker.prefix + TOPIC, value, partition=partition, timestamp=at_s * 1000 + NOW_MS)
    if commit is None or not commit:
        assert producer.flush(DEADLINE_S) == 0
    if commit is not None:
        producer.commit_transaction(DEADLINE_S) if commit else producer.abort_transaction(DEADLINE_S)


def read(reader: MergedReader) -> list[str]:
    """Return the values read, in order."""
    found: list[Record] = []
    deadline = time.monotonic() + DEADLINE_S
    while not reader.done:
        assert time.monotonic() < deadline
        found += reader.read(7, 0.2)
    reader.close()
    return [(record.value or b"").decode() for record in found]


def reader_of(system: System, starts: Offsets, ends: Offsets | None) -> MergedReader:
    return MergedReader(system.settings, f"{system.settings.topic_prefix}reader", starts, ends)


def starts_of(ends: Offsets) -> Offsets:
    return dict.fromkeys(ends, 0)


def test_the_oldest_record_comes_first_and_ties_go_by_partition(system: System, kafka: str) -> None:
    broker = Broker(kafka, system.settings.topic_prefix)
    write(broker, (1, 5), (0, 5), (2, 1), (0, 9), (1, 2), (2, 7))
    ends = OffsetQuery(system.settings).ends((TOPIC,))
    # 1/2 was written after 1/5: a partition keeps its own order.
    assert read(reader_of(system, starts_of(ends), ends)) == ["2/1", "0/5", "1/5", "1/2", "2/7", "0/9"]


def test_only_committed_records_are_read_and_an_end_without_a_record_is_reached(system: System, kafka: str) -> None:
    broker = Broker(kafka, system.settings.topic_prefix)
    write(broker, (0, 1), (1, 2), commit=True)
    write(broker, (0, 3), (2, 4), commit=False)
    write(broker, (0, 5), commit=True)
    first = PartitionId(TOPIC, 0)
    # Three records and three markers, of which the last may follow its commit a little later.
    until(lambda: OffsetQuery(system.settings).ends((TOPIC,))[first] == 6)
    ends = OffsetQuery(system.settings).ends((TOPIC,))
    assert read(reader_of(system, starts_of(ends), ends)) == ["0/1", "1/2", "0/5"]


def test_a_record_deleted_before_it_was_read_is_an_error(system: System, kafka: str) -> None:
    broker = Broker(kafka, system.settings.topic_prefix)
    write(broker, (0, 1))
    reader = reader_of(system, {PartitionId(TOPIC, 0): 50}, {PartitionId(TOPIC, 0): 60})
    with pytest.raises(UsageError, match="scores/0 no longer holds offset 50"):
        read(reader)
    reader.close()


def test_live_topics_are_followed_without_waiting_for_quiet_partitions(system: System, kafka: str) -> None:
    broker = Broker(kafka, system.settings.topic_prefix)
    reader = reader_of(system, OffsetQuery(system.settings).ends((TOPIC,)), None)
    assert reader.read(5, 0.5) == []
    for number in range(3):
        write(broker, (number, number))
        found: list[Record] = []
        while not found:
            found = reader.read(5, 1.0)
        assert [record.value for record in found] == [f"{number}/{number}".encode()]
    assert not reader.done
    reader.close()


def test_a_partition_far_ahead_of_the_others_is_paused_without_loss(system: System, kafka: str) -> None:
    broker = Broker(kafka, system.settings.topic_prefix)
    # Idempotent: a retry on a busy broker must not change the order that the test compares.
    producer = Producer({"bootstrap.servers": kafka, "enable.idempotence": True, "max.in.flight": 1})
    for number in range(60):
        producer.produce(broker.prefix + TOPIC, b"x" * 400_000 + b"%d" % number, partition=0, timestamp=NOW_MS + number)
    assert producer.flush(DEADLINE_S) == 0
    write(broker, *((1, 10 + number) for number in range(20)))
    ends = OffsetQuery(system.settings).ends((TOPIC,))
    found = read(reader_of(system, starts_of(ends), ends))
    assert [value.lstrip("x") for value in found[:60]] == [str(number) for number in range(60)]
    assert found[60:] == [f"1/{10 + number}" for number in range(20)]
