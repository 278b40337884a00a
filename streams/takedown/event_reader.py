"""Reader of single events of the takedowns topic by partition and offset."""

import asyncio

from confluent_kafka import KafkaException

from schemas.codec import Codec, WireError
from schemas.messages import Takedown
from streams.errors import BrokerError, UnprocessableError
from streams.kafka.range_reader import RangeReader
from streams.settings import Settings


class EventReader:
    """Events read again from the topic, which keeps them for ever."""

    def __init__(self, settings: Settings, codec: Codec) -> None:
        self._codec = codec
        self._ranges = RangeReader(settings, "takedowns")

    async def read(self, partition: int, offset: int) -> Takedown:
        """Return the event at an offset.

        Raises
        ------
        BrokerError
            The broker or the schema registry does not answer.
        UnprocessableError
            The topic has no such event: it was recreated or cut under a running worker.
        """
        try:
            event = await asyncio.to_thread(self._read, partition, offset)
        except (KafkaException, ConnectionError) as error:
            raise BrokerError(str(error)) from error
        if event is None:
            raise UnprocessableError("takedown_missing", f"no event at {partition}@{offset}: restart the stage")
        return event

    def _read(self, partition: int, offset: int) -> Takedown | None:
        if (record := self._ranges.record(partition, offset)) is None:
            return None
        try:
            event = self._codec.decode("takedowns", record.value or b"")
        except WireError:
            return None
        return event if isinstance(event, Takedown) else None
