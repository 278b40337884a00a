"""Context of one stage: its app, open cases, live models, topics and writers."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import faust
import structlog
from faust.types import StreamT, TopicT

from schemas.messages import Message
from schemas.topics import TOPICS
from streams.engine.agent import AgentRunner
from streams.engine.dead_letter_limit import DeadLetterLimit
from streams.engine.faust_driver.transport import Transport, is_too_large
from streams.engine.guard import Guard
from streams.engine.outage import retry_while_unreachable
from streams.engine.record import Handler, Position
from streams.engine.shared import Shared
from streams.errors import BrokerError, UnprocessableError
from streams.kafka.partitions import key_hash, partition_of
from streams.live_models.live import LiveModels
from streams.settings import Settings
from streams.telemetry import metrics, trace

log = structlog.get_logger()


class Context:
    """Settings, models, codec, open cases, topics and writers of a stage.

    Parameters
    ----------
    app
        The stage's own: it is a consumer group.
    shared
        What it shares with the other stages of its process.
    """

    def __init__(self, app: faust.App, settings: Settings, shared: Shared | None = None) -> None:
        self.app = app
        self.group = app.conf.id
        self.settings = settings
        self.shared = shared or Shared(settings, self.crash)
        self.shared.apps.append(app)
        self.models, self.codec, self.cases = self.shared.models, self.shared.codec, self.shared.cases
        self._topics = {name: self._declare(name) for name in TOPICS}
        self._agents = AgentRunner(app, settings.window, self.shared.isolation, self.crash)

    @property
    def live_models(self) -> LiveModels:
        """Live models; the deployments topic is read from the first use on."""
        return self.shared.live_models

    def topic(self, name: str) -> TopicT:
        """Return the Faust topic of this name: raw bytes in and out."""
        return self._topics[name]

    def physical(self, name: str) -> str:
        """Return the name of a topic on the broker."""
        return self.settings.topic_prefix + name

    def stage[M: Message](self, name: str, *, reads: str) -> Callable[[Handler[M]], Handler[M]]:
        """Make a handler a Faust agent whose outputs are delivered before its input is acked.

        Parameters
        ----------
        name
            Stage, as in metrics and dead letters.
        reads
            Topic, without prefix.
        """

        def register(handler: Handler[M]) -> Handler[M]:
            limit = DeadLetterLimit(self.settings.max_dead_letters_in_a_row)
            cast("Transport", self.app.transport).limits[self.physical(reads)] = limit
            guard = Guard(
                stage=name,
                codec=self.codec,
                handler=handler,
                deliver=self.deliver,
                limit=limit,
                timeout_s=self.settings.stage_timeout_s,
                patience_s=self.settings.delivery_timeout_s,
            )

            async def agent(stream: StreamT[bytes]) -> None:
                await self._agents.run(reads, guard, stream)

            self.app.agent(self.topic(reads), name=f"{name}-{reads}")(agent)
            return handler

        return register

    async def deliver(self, topic: str, key: bytes, value: bytes | None, headers: dict[str, bytes]) -> Position | None:
        """Write one record and return its position once the broker acknowledged it; None for a repeat that it ignored.

        Raises
        ------
        UnprocessableError
            The record is larger than the broker accepts.
        """
        try:
            # Two awaits: the first only puts the record into the producer's buffer.
            written = await (await self.topic(topic).send(key=key, value=value, headers=headers))
        except Exception as error:
            if is_too_large(error):
                raise UnprocessableError("output_too_large", f"{len(value or b''):,} bytes for {topic}") from error
            raise
        return Position(written.partition, written.offset) if written.offset >= 0 else None

    async def send(self, topic: str, key: str, message: Message) -> None:
        """Write one message from outside a handler and return once the broker acknowledged it."""
        value = self.codec.encode(topic, message)
        await self.deliver(topic, key.encode(), value, trace.current_headers())
        # Each topic written from outside a handler has one producer.
        metrics.OUTPUT_BYTES.labels(TOPICS[topic].producers[0], topic).inc(len(value))

    def partition(self, topic: str, key: bytes) -> int:
        """Return the partition of a key, in a topic that this worker reads."""
        return self.partition_of_hash(topic, key_hash(key))

    def partition_of_hash(self, topic: str, hashed: int) -> int:
        """Return the partition of a key with this `key_hash`, in a topic that this worker reads."""
        n_partitions = self.app.consumer.topic_partitions(self.physical(topic))
        if not n_partitions:
            raise BrokerError(f"no metadata yet on the partitions of {topic}")
        return partition_of(hashed, n_partitions)

    def owned(self, topic: str) -> set[int]:
        """Return the partitions of a topic that are assigned to this worker now."""
        name = self.physical(topic)
        consumer = self.app._consumer  # noqa: SLF001 - the property would create one before the app has started
        return {tp.partition for tp in consumer.assignment() if tp.topic == name} if consumer is not None else set()

    def generation(self) -> int:
        """Return a number that changes with every rebalance of the group."""
        return self.app.consumer_generation_id

    def background(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run this beside the agents while the app runs.

        It is started again while the broker does not answer it; any other error from it stops the worker, and is no
        error once the worker stops.
        """

        async def run() -> None:
            try:
                await self.retry_while_unreachable(work)
            except Exception as error:
                if self.app.should_stop:
                    # A stop closes the producer before it cancels this work, whose next write then fails.
                    log.info("background work ends with the worker", error=repr(error))
                    return
                log.exception("background work failed")
                self.crash(error)

        self.app.task(run)

    async def retry_while_unreachable[T](self, step: Callable[[], Awaitable[T]]) -> T:
        """Return the result of a step of background work, run again while the broker does not answer it.

        Raises
        ------
        OutageError
            The broker has not answered for `delivery_timeout_s`, after which the stages stop too.
        """
        return await retry_while_unreachable(step, self.settings.delivery_timeout_s)

    def crash(self, error: Exception) -> None:
        """Stop the worker with a non-zero exit code; records not acked are processed again after a restart."""
        log.error("worker stops", error=repr(error))
        self._crash = asyncio.ensure_future(self._crash_in_order(error))

    async def _crash_in_order(self, error: Exception) -> None:
        await self.shared.leave()  # first: a crash also ends the consumers' threads
        await self.app.crash(error)

    def _declare(self, name: str) -> TopicT:
        raw: Any = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw"}
        topic = TOPICS[name]
        return self.app.topic(self.physical(name), partitions=topic.partitions, compacting=topic.compacted, **raw)
