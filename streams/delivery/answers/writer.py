"""Writer of answers to the topic of deliveries: one at a time, acknowledged by the broker before it is confirmed."""

import asyncio
from collections.abc import Callable

import structlog
from confluent_kafka import KafkaException

from schemas.messages import Delivery
from streams.errors import UsageError
from streams.feeds.http.record_queue import BrokerUnavailableError, QueueFullError
from streams.kafka.producer import TopicWriter
from streams.settings import Settings

log = structlog.get_logger()

MAX_WAITING = 200
"""Answers that wait for the broker; further ones are turned away, and their senders repeat them."""


class DeliveryWriter:
    """Writes records of deliveries.

    Parameters
    ----------
    make
        Returns a new producer; after a failure the next write makes one, because a producer keeps its failure.
    """

    def __init__(self, settings: Settings, make: Callable[[Settings], TopicWriter] = TopicWriter) -> None:
        self._make = make
        self._settings = settings
        self._writer: TopicWriter | None = None
        self._one_at_a_time = asyncio.Lock()
        self._n_waiting = 0

    async def write(self, delivery: Delivery) -> None:
        """Return once the broker has acknowledged the record.

        Raises
        ------
        QueueFullError, BrokerUnavailableError
            It is not written; the sender should repeat it.
        """
        if self._n_waiting >= MAX_WAITING:
            raise QueueFullError
        self._n_waiting += 1
        try:
            async with self._one_at_a_time:
                await asyncio.to_thread(self._write, delivery)
        finally:
            self._n_waiting -= 1

    def _write(self, delivery: Delivery) -> None:
        try:
            self._writer = self._writer or self._make(self._settings)
            self._writer.write("deliveries", delivery.takedown_id, delivery)
            self._writer.flush()
        except (UsageError, KafkaException, ConnectionError) as error:
            self._writer = None
            log.error("answer not written", takedown_id=delivery.takedown_id, error=str(error))  # noqa: TRY400 - its trace has no more
            raise BrokerUnavailableError from error
