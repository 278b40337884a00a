"""Faust's Kafka driver with eight corrections; see ops/decisions/0001-engine.md.

- The fetch wait, hard-coded to 1.5 s, is a setting.
- Isolation is read_committed: feeds write in transactions, and records of aborted ones are skipped.
- Only the window acks. Faust itself acks a record that it skips because of a rebalance, and the commit can then pass a
  record that was never finished.
- The offset to commit follows the last finished record, even after a gap, because the window finishes in order. Faust
  counts offsets one by one, and stops committing for good when an aborted transaction follows a partition's first
  record.
- An ack for a record read before the last rebalance is dropped: its partition may have another owner.
- A stopping or rebalancing worker waits a limited time for records in flight. Otherwise one that hangs would hold up
  the whole group, or the stop.
- The number of a topic's partitions comes from the cluster's metadata; where Faust looks it up, only the leader of
  the group has it.
- Its search for stuck partitions is off. It reports every partition of a recovered table's changelog, which nobody
  fetches any longer, at each interval; the age of the oldest record in flight and the consumer lag are metrics.
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
    """Return whether a write failed because the broker, or its client, never accepts a record of this size."""
    return isinstance(error.__cause__ or error, MessageSizeTooLargeError | RecordTooLargeError)


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Faust's consumer thread with our fetch wait and isolation level."""

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:  # noqa: ANN401 - narrowed here
        consumer = super()._create_worker_consumer(transport)
        # Private to aiokafka, hence its pinned version and this check.
        for name in ("_fetch_max_wait_ms", "_isolation_level"):
            if not hasattr(consumer, name):
                raise RuntimeError(f"aiokafka no longer keeps {name}: correct streams/engine/faust_driver.py")
        consumer._fetch_max_wait_ms = transport.fetch_wait_ms  # noqa: SLF001 - see above
        consumer._isolation_level = "read_committed"  # noqa: SLF001 - Faust sets it with its own transactions only
        return consumer

    def topic_partitions(self, topic: str) -> int | None:
        """Return the number of partitions of a subscribed topic, None before the first metadata."""
        partitions = self._ensure_consumer().partitions_for_topic(topic)
        return len(partitions) if partitions else None


class Consumer(driver.Consumer):
    """Faust's consumer that acks only through `finish`."""

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def ack(self, message: Message) -> bool:  # noqa: ARG002 - Faust's signature
        """Do nothing: Faust calls this for records that are not finished."""
        return False

    def finish(self, message: Message) -> bool:
        """Allow the commit to pass this record once every agent that reads it has finished it.

        Call it once per agent, in order within a partition. Faust counts the agents of a record when it hands it to
        them; two stages of one worker may read the same topic.
        """
        if message.generation_id != self.app.consumer_generation_id:
            self._unacked_messages.discard(message)
            return False
        return super().ack(message) if message.decref() == 0 else False

    def _new_offset(self, tp: TP) -> int | None:
        """Return the next offset to commit, None if no record was finished since the last commit."""
        if not (finished := self._acked[tp]):
            return None
        offset = max(finished) + 1
        finished.clear()
        self._acked_index[tp].clear()
        return offset

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Do nothing: gaps do not matter to `_new_offset`."""

    async def verify_all_partitions_active(self) -> None:
        """Do nothing: see above."""

    async def wait_empty(self) -> None:
        """Return when all records in flight are finished, or after `drain_s`; the rest is not acked."""
        timer = self.loop.call_later(cast("Transport", self.transport).drain_s, self._give_up)
        try:
            await super().wait_empty()
        finally:
            timer.cancel()

    def _give_up(self) -> None:
        # Faust waits until this set is empty; the acks themselves are kept elsewhere.
        log.warning("not waiting any longer for records in flight", records=len(self._unacked_messages))
        self._unacked_messages.clear()


class Transport(driver.Transport):
    """Faust's transport with the consumer above.

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
