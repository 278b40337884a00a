"""Reader of a whole topic, from its beginning and without a group, for state that every worker holds in full."""

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams.errors import BrokerError, TransientError
from streams.kafka.clients import reader_config
from streams.kafka.offsets import watermarks
from streams.settings import Settings

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Update:
    """One record of the topic; a value of None is a tombstone."""

    key: bytes
    value: bytes | None
    partition: int
    offset: int
    timestamp_s: float = 0.0
    """Timestamp, seconds since the epoch."""


_PATIENCE_S = 10.0
_BATCH, _BATCH_BYTES = 500, 4 * 1024 * 1024
"""Limits of a batch; its last record may exceed the second."""
_MAX_BATCHES = 4
"""Batches that wait for the event loop; at the limit the thread reads no more, and then the client fetches no more."""
_POLL_S = 0.1
_START_ANSWER_S = 20.0
_LOOK_S, _LOOK_ANSWER_S = 10.0, 1.0
"""Time between two looks for partitions that were added, and the longest wait for one answer."""
_QUEUE_KIB = 64 * 1024
"""The client's own default."""


class TopicReader:
    """Call `apply` on the event loop with every record of a topic, in order, until stopped.

    It reads no faster than the records are applied: some batches wait in memory at most.

    Parameters
    ----------
    topic
        Without prefix.
    apply
        Applies a batch of updates; runs on the event loop, must not block. Its exceptions are passed to `crash`.
    crash
        Stops the worker, because without the reader its state would be stale.
    queue_kib
        Limit of the client's queue of fetched records; one record may exceed it.
    """

    def __init__(
        self,
        settings: Settings,
        topic: str,
        apply: Callable[[list[Update]], None],
        crash: Callable[[Exception], None],
        *,
        queue_kib: int = _QUEUE_KIB,
    ) -> None:
        self._topic = settings.topic_prefix + topic
        self._apply = apply
        self._crash = crash
        self._consumer = _consumer(settings, queued_max_messages_kbytes=queue_kib)
        # A watermark query on a consumer that another thread polls never returns, so queries have their own client.
        self._query_client = _consumer(settings)
        self._positions: dict[int, int] = {}
        self._partitions: list[int] = []
        self._at_end: set[int] = set()
        self._advanced = asyncio.Event()
        self._caught_up = asyncio.Event()
        self._stopping = threading.Event()
        self._places = threading.Semaphore(_MAX_BATCHES)
        self._thread: threading.Thread | None = None
        self._started: asyncio.Task[None] | None = None
        self._looked_s = time.monotonic()

    async def start(self) -> None:
        """Start reading from the first record; calls after a successful one start nothing.

        Raises
        ------
        TransientError
            The broker does not answer, or has no such topic.
        """
        if self._started is None or _has_failed(self._started):
            self._started = asyncio.create_task(self._begin())
        await asyncio.shield(self._started)

    async def _begin(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._partitions = await asyncio.to_thread(self._find_partitions, self._query_client, _START_ANSWER_S)
        ends = await asyncio.to_thread(self._find_ends)
        # Not every broker reports the end of a partition that never held a record.
        self._at_end = {partition for partition, end in ends.items() if end == 0}
        self._check_caught_up()
        self._consumer.assign([TopicPartition(self._topic, p, OFFSET_BEGINNING) for p in self._partitions])
        self._thread = threading.Thread(target=self._read, name=f"read-{self._topic}", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Stop reading and close the connections."""
        self._stopping.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)
            self._consumer.close()
        self._query_client.close()

    async def ready(self) -> None:
        """Return once every record written before the start is applied."""
        await self._caught_up.wait()

    async def current(self) -> None:
        """Return once every record written before this call is applied: a read barrier.

        Records in a partition that was added within the last ten seconds may not be waited for.

        Raises
        ------
        BrokerError
            The broker does not answer.
        """
        ends = await asyncio.to_thread(self._find_ends)
        while any(self._positions.get(partition, 0) < end for partition, end in ends.items()):
            self._advanced.clear()
            await self._advanced.wait()

    def _find_partitions(self, client: Consumer, answer_s: float) -> list[int]:
        try:
            metadata = client.list_topics(self._topic, timeout=answer_s).topics[self._topic]
        except KafkaException as error:
            raise BrokerError(str(error)) from error
        if metadata.error is not None or not metadata.partitions:
            raise TransientError("topic_missing", f"topic {self._topic} does not exist: run `jikimi topics create`")
        return sorted(metadata.partitions)

    def _find_ends(self) -> dict[int, int]:
        try:
            return {one: watermarks(self._query_client, self._topic, one, _PATIENCE_S)[1] for one in self._partitions}
        except KafkaException as error:
            raise BrokerError(str(error)) from error

    def _read(self) -> None:
        while not self._stopping.is_set():
            if self._caught_up.is_set() and time.monotonic() - self._looked_s > _LOOK_S:
                self._take_added()
            if self._places.acquire(timeout=_POLL_S):
                if messages := self._next_batch():
                    self._loop.call_soon_threadsafe(self._apply_batch, messages)
                else:
                    self._places.release()

    def _take_added(self) -> None:
        """Read partitions that were added to the topic, from their beginning; a look that fails is tried again."""
        with suppress(TransientError, KafkaException):
            added = sorted(set(self._find_partitions(self._query_client, _LOOK_ANSWER_S)) - set(self._partitions))
            if added:
                self._find_partitions(self._consumer, _LOOK_ANSWER_S)  # each client must have asked for their leaders
                log.info("partitions were added", topic=self._topic, partitions=added)
                self._consumer.incremental_assign([TopicPartition(self._topic, p, OFFSET_BEGINNING) for p in added])
                self._partitions = [*self._partitions, *added]
        self._looked_s = time.monotonic()

    def _next_batch(self) -> list[Message]:
        """Return what the client has fetched: to wait for more would delay the first record, and every read barrier."""
        if (first := self._consumer.poll(_POLL_S)) is None:
            return []
        messages, n_bytes = [first], len(first)
        while len(messages) < _BATCH and n_bytes < _BATCH_BYTES and (message := self._consumer.poll(0)) is not None:
            messages.append(message)
            n_bytes += len(message)
        return messages

    def _apply_batch(self, messages: list[Message]) -> None:
        self._places.release()
        try:
            updates = [update for message in messages if (update := self._update(message)) is not None]
            if updates:
                self._apply(updates)
        except Exception as error:  # noqa: BLE001 - no error would show stale state: stop the worker
            self._crash(error)
            return
        self._advanced.set()
        self._check_caught_up()

    def _check_caught_up(self) -> None:
        if self._at_end == set(self._partitions):
            self._caught_up.set()

    def _update(self, message: Message) -> Update | None:
        """Advance the position; return the update in a message, None for the end of a partition."""
        error = message.error()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
            if error.fatal():
                raise KafkaException(error)
            log.warning("broker error", topic=self._topic, error=str(error))
            return None
        partition, offset = message.partition(), message.offset()
        assert partition is not None
        assert offset is not None
        if error is not None:
            # The fetch reports the end, which is correct on every broker; a watermark query is not correct on some.
            self._positions[partition] = max(offset, self._positions.get(partition, 0))
            self._at_end.add(partition)
            return None
        self._positions[partition] = offset + 1
        return Update(message.key() or b"", message.value(), partition, offset, message.timestamp()[1] / 1000)


def _has_failed(task: asyncio.Task[None]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)


def _consumer(settings: Settings, **options: int) -> Consumer:
    return Consumer(reader_config(settings, auto_offset_reset="earliest", fetch_wait_max_ms=100, **options))
