"""Faust's app, producer and transport, with our consumer and limits on waiting for the broker."""

from typing import Any

import faust
from aiokafka.errors import MessageSizeTooLargeError, RecordTooLargeError
from faust.app.base import App
from faust.transport.drivers import aiokafka as driver

from streams.engine.dead_letter_limit import DeadLetterLimit
from streams.engine.faust_driver.consumer import Consumer
from streams.engine.faust_driver.limited_wait import ANSWER_S, within


class Producer(driver.Producer):
    """Faust's producer whose stop does not wait long for the broker: records not delivered were not acked."""

    async def on_stop(self) -> None:
        """Stop after a last attempt to deliver."""
        await within(ANSWER_S, super().on_stop())


class StageApp(faust.App):
    """Faust's app with a limit on the last flush of its producer, and without folders for tables: ours have none."""

    def _create_directories(self) -> None:
        """Do nothing."""

    async def _producer_flush(self, logger: Any) -> None:  # noqa: ANN401 - Faust's signature
        await within(ANSWER_S, super()._producer_flush(logger))


class Transport(driver.Transport):
    """Faust's transport with our consumer and producer.

    Parameters
    ----------
    fetch_wait_ms
        Longest wait of one fetch.
    drain_s
        Longest wait for records in flight before a stop or a rebalance.
    window
        Records in flight per stage.
    """

    Consumer = Consumer
    Producer = Producer

    def __init__(self, app: App, *, fetch_wait_ms: int, drain_s: float, window: int) -> None:
        super().__init__(url=app.conf.broker_consumer, app=app)
        self.fetch_wait_ms = fetch_wait_ms
        self.drain_s = drain_s
        self.window = window
        self.limits: dict[str, DeadLetterLimit] = {}
        """Limits on dead letters whose counts travel with the commits, by physical topic."""


def is_too_large(error: BaseException) -> bool:
    """Return whether a write failed because the broker, or its client, never accepts a record of this size."""
    return isinstance(error.__cause__ or error, MessageSizeTooLargeError | RecordTooLargeError)
