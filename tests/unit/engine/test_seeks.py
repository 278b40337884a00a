"""Seeks of a consumer after a rebalance."""

from aiokafka.structs import TopicPartition
from faust.types.tuples import TP

from tests.unit.engine.test_killer_records import Broker, made_consumer

_COMMITTED, _AT_THE_BEGINNING = TP("posts", 0), TP("posts", 1)


class Seeks(Broker):
    """Records seeks; seeks to commits as aiokafka does, which leaves out those at 0."""

    def __init__(self) -> None:
        self.sought: list[tuple[TP, int]] = []

    def assignment(self) -> set[TP]:
        return {_COMMITTED, _AT_THE_BEGINNING}

    async def seek_to_committed(self) -> dict[TopicPartition, int]:
        self.sought.append((_COMMITTED, 10))
        return {TopicPartition(*_COMMITTED): 10, TopicPartition(*_AT_THE_BEGINNING): 0}

    def seek(self, partition: TP, offset: int) -> None:
        self.sought.append((partition, offset))


async def test_a_partition_whose_commit_is_at_0_is_sought_too() -> None:
    broker = Seeks()
    await made_consumer(broker).perform_seek()
    assert broker.sought == [(_COMMITTED, 10), (_AT_THE_BEGINNING, 0)]
