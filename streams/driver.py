"""Faust's Kafka driver with three things mended; see ops/decisions/0001-engine.md.

- The fetch wait, hard-coded to 1.5 s, becomes a setting.
- Only the window acks. Faust itself acks a record that it skips because a rebalance overtook it, and the commit can
  then pass a record that nobody finished.
- An ack for a record read before the last rebalance is dropped: its partition may have another owner.
"""

from typing import Any

import aiokafka
from faust.app.base import App
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import Message


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Faust's consumer thread with a fetch wait of our own."""

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:  # noqa: ANN401 - narrowed by us
        consumer = super()._create_worker_consumer(transport)
        # Private to aiokafka, hence its pinned version and this check.
        if not hasattr(consumer, "_fetch_max_wait_ms"):
            raise RuntimeError("aiokafka no longer keeps _fetch_max_wait_ms: mend streams/driver.py")
        consumer._fetch_max_wait_ms = transport.fetch_wait_ms  # noqa: SLF001 - see above
        return consumer


class Consumer(driver.Consumer):
    """Faust's consumer, acking only what `finish` is told."""

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def ack(self, message: Message) -> bool:  # noqa: ARG002 - Faust's signature
        """Do nothing: this is called by Faust, which does not know what is finished."""
        return False

    def finish(self, message: Message) -> bool:
        """Let the commit pass this record; call it in order within a partition."""
        if message.generation_id != self.app.consumer_generation_id:
            self._unacked_messages.discard(message)
            return False
        return super().ack(message)


class Transport(driver.Transport):
    """Faust's transport that makes the consumer above.

    Parameters
    ----------
    fetch_wait_ms
        Longest wait of one fetch.
    """

    Consumer = Consumer

    def __init__(self, app: App, fetch_wait_ms: int) -> None:
        super().__init__(url=app.conf.broker_consumer, app=app)
        self.fetch_wait_ms = fetch_wait_ms
