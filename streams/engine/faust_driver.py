"""Faust's Kafka driver with seven things mended; see ops/decisions/0001-engine.md.

- The fetch wait, hard-coded to 1.5 s, becomes a setting.
- Only committed records are read: feeds write in transactions, and what an aborted one left is never seen.
- Only the window acks. Faust itself acks a record that it skips because a rebalance overtook it, and the commit can
  then pass a record that nobody finished.
- A commit follows the last record finished, whatever gap lies before it: the window finishes in order. Faust counts
  offsets one by one, and stops committing for good when an aborted transaction follows a partition's first record.
- An ack for a record read before the last rebalance is dropped: its partition may have another owner.
- A stopping or rebalancing worker waits for what is in flight, but not for ever: what hangs would else hold up the
  whole group, or the stop.
- How many partitions a topic has is asked of the cluster's metadata; where Faust looks, only the group's leader knows.
"""

from typing import Any, cast

import aiokafka
import structlog
from aiokafka.errors import MessageSizeTooLargeError, RecordTooLargeError
from faust.app.base import App
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import TP, Message

log = structlog.get_logger()


def is_too_large(error: BaseException) -> bool:
    """Return whether a write failed because the broker, or its client, never takes a record of this size."""
    return isinstance(error.__cause__ or error, MessageSizeTooLargeError | RecordTooLargeError)


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Faust's consumer thread with a fetch wait of our own, that knows the topics of its group."""

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:  # noqa: ANN401 - narrowed by us
        consumer = super()._create_worker_consumer(transport)
        # Private to aiokafka, hence its pinned version and this check.
        for name in ("_fetch_max_wait_ms", "_isolation_level"):
            if not hasattr(consumer, name):
                raise RuntimeError(f"aiokafka no longer keeps {name}: mend streams/engine/faust_driver.py")
        consumer._fetch_max_wait_ms = transport.fetch_wait_ms  # noqa: SLF001 - see above
        consumer._isolation_level = "read_committed"  # noqa: SLF001 - Faust sets it with its own transactions only
        return consumer

    def topic_partitions(self, topic: str) -> int | None:
        """Return how many partitions a subscribed topic has, None before the broker has told."""
        partitions = self._ensure_consumer().partitions_for_topic(topic)
        return len(partitions) if partitions else None


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

    def _new_offset(self, tp: TP) -> int | None:
        """Return where the next start goes on, None if nothing was finished since the last commit."""
        if not (finished := self._acked[tp]):
            return None
        offset = max(finished) + 1
        finished.clear()
        self._acked_index[tp].clear()
        return offset

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Do nothing: see above."""

    async def wait_empty(self) -> None:
        """Return when everything in flight is finished, or the time for it is over; the rest is not acked."""
        timer = self.loop.call_later(cast("Transport", self.transport).drain_s, self._give_up)
        try:
            await super().wait_empty()
        finally:
            timer.cancel()

    def _give_up(self) -> None:
        # Faust waits for this set to be empty; it only counts what is waited for, the acks are kept elsewhere.
        log.warning("not waiting any longer for what is in flight", records=len(self._unacked_messages))
        self._unacked_messages.clear()


class Transport(driver.Transport):
    """Faust's transport that makes the consumer above.

    Parameters
    ----------
    fetch_wait_ms
        Longest wait of one fetch.
    drain_s
        Longest wait for records in flight before a stop or a rebalance.
    """

    Consumer = Consumer

    def __init__(self, app: App, fetch_wait_ms: int, drain_s: float) -> None:
        super().__init__(url=app.conf.broker_consumer, app=app)
        self.fetch_wait_ms = fetch_wait_ms
        self.drain_s = drain_s
