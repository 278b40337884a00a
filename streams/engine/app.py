"""One process: a Faust app that runs one stage or all of them."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from importlib import import_module
from pathlib import Path
from tempfile import gettempdir
from typing import Any, cast

import faust
import structlog
from aiokafka.partitioner import DefaultPartitioner
from faust.streams import Stream
from faust.types import EventT, StreamT, TopicT

from schemas.messages import Message
from schemas.topics import TOPICS
from streams.cases.open_cases import OpenCases
from streams.engine.dead_letter_limit import DeadLetterLimit
from streams.engine.faust_driver import Consumer, Transport, is_too_large
from streams.engine.guard import Guard
from streams.engine.record import Handler, Record
from streams.engine.window import Window
from streams.errors import BrokerError, UnprocessableError
from streams.kafka.clients import worker_credentials
from streams.kafka.codec_factory import create_codec
from streams.live_models.live import LiveModels
from streams.live_models.selection import create_registry
from streams.settings import Settings
from streams.telemetry import metrics, trace
from streams.topology import MODULES, group, in_flow_order, source

log = structlog.get_logger()

_LARGEST_BYTES = max(topic.max_bytes for topic in TOPICS.values())
_READY_POLL_S = 0.1
_GAUGE_S = 1.0
_PARTITIONER = DefaultPartitioner()  # as the producer places keys


@dataclass(frozen=True, slots=True)
class _InFlight:
    """One Faust event as the window sees it."""

    event: EventT[bytes]
    consumer: Consumer

    @property
    def partition(self) -> object:
        return self.event.message.tp

    def ack(self) -> None:
        self.consumer.finish(self.event.message)


class Context:
    """What a stage needs: settings, models, the codec, ways to read and to write.

    Parameters
    ----------
    app
        The process's Faust app.
    settings
        As read at start.
    """

    def __init__(self, app: faust.App, settings: Settings) -> None:
        self.app = app
        self.group = app.conf.id
        self.settings = settings
        self.models = create_registry(settings)
        self.codec = create_codec(settings)
        self.cases = OpenCases(settings, self.codec, self.crash)
        self.awaited: list[Callable[[], Awaitable[None]]] = []
        """What must have returned before the worker calls itself ready."""
        self._topics = {name: self._declare(name) for name in TOPICS}
        self._windows: dict[str, list[Window[Any]]] = defaultdict(list)

    @cached_property
    def live_models(self) -> LiveModels:
        """Live models; the deployments topic is read from the first use on."""
        live_models = LiveModels(self.settings, self.codec, self.models, self.crash)
        self.background(live_models.run)
        self.awaited.append(live_models.ready)
        return live_models

    def topic(self, name: str) -> TopicT:
        """Return the Faust topic of this name: raw bytes in and out."""
        return self._topics[name]

    def physical(self, name: str) -> str:
        """Return the name of a topic on the broker."""
        return self.settings.topic_prefix + name

    def stage[M: Message](self, name: str, *, reads: str) -> Callable[[Handler[M]], Handler[M]]:
        """Make a handler a Faust agent: guarded, windowed, its outputs delivered before its input is acked.

        Parameters
        ----------
        name
            Of the stage, in metrics and dead letters.
        reads
            Logical name of the topic it reads.
        """

        def register(handler: Handler[M]) -> Handler[M]:
            guard = Guard(
                stage=name,
                codec=self.codec,
                handler=handler,
                deliver=self.deliver,
                limit=DeadLetterLimit(self.settings.max_dead_letters_in_a_row),
                timeout_s=self.settings.stage_timeout_s,
            )

            async def agent(stream: StreamT[bytes]) -> None:
                await self._run(name, reads, guard, stream)

            self.app.agent(self.topic(reads), name=f"{name}-{reads}")(agent)
            return handler

        return register

    async def deliver(self, topic: str, key: bytes, value: bytes | None, headers: dict[str, bytes]) -> None:
        """Write one record and return once the broker acknowledged it.

        Raises
        ------
        UnprocessableError
            The record is larger than the broker takes.
        """
        try:
            # Twice: the first await only puts it into the producer's buffer.
            await (await self.topic(topic).send(key=key, value=value, headers=headers))
        except Exception as error:
            if is_too_large(error):
                raise UnprocessableError("output_too_large", f"{len(value or b''):,} bytes for {topic}") from error
            raise

    async def send(self, topic: str, key: str, message: Message) -> None:
        """Write one message from outside a handler and return once the broker acknowledged it."""
        value = self.codec.encode(topic, message)
        await self.deliver(topic, key.encode(), value, trace.current_headers())
        # What is written so has one producer.
        metrics.OUTPUT_BYTES.labels(TOPICS[topic].producers[0], topic).inc(len(value))

    def partition(self, topic: str, key: bytes) -> int:
        """Return the partition that a key belongs to, of a topic that this worker reads."""
        n_partitions = self.app.consumer.topic_partitions(self.physical(topic))
        if not n_partitions:
            raise BrokerError(f"the partitions of {topic} are not known yet")
        return int(_PARTITIONER(key, list(range(n_partitions)), []))

    def owned(self, topic: str) -> set[int]:
        """Return the partitions of a topic that are assigned to this worker now."""
        name = self.physical(topic)
        consumer = self.app._consumer  # noqa: SLF001 - the property would create one before the app has started
        return {tp.partition for tp in consumer.assignment() if tp.topic == name} if consumer is not None else set()

    def generation(self) -> int:
        """Return a number that changes with every rebalance of the group."""
        return self.app.consumer_generation_id

    def background(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run this beside the agents for as long as the app runs; its failure stops the worker."""

        async def run() -> None:
            try:
                await work()
            except Exception as error:
                log.exception("background work failed")
                self.crash(error)

        self.app.task(run)

    def crash(self, error: Exception) -> None:
        """Stop the worker with a non-zero exit code; what was not acked is done again after the restart."""
        log.error("worker stops", error=repr(error))
        self._crash = asyncio.ensure_future(self.app.crash(error))

    def _declare(self, name: str) -> TopicT:
        raw: dict[str, Any] = {
            "key_type": bytes,
            "value_type": bytes,
            "key_serializer": "raw",
            "value_serializer": "raw",
        }
        topic = TOPICS[name]
        return self.app.topic(self.physical(name), partitions=topic.partitions, compacting=topic.compacted, **raw)

    async def _run(self, name: str, reads: str, guard: Guard[Any], stream: StreamT[bytes]) -> None:
        consumer = cast("Consumer", self.app.consumer)

        async def work(item: _InFlight) -> None:
            await guard(_record(reads, item.event))

        async def items() -> AsyncIterator[_InFlight]:
            async for event in cast("Stream[bytes]", stream).noack().events():
                yield _InFlight(event, consumer)

        window = Window(work, self.settings.window)
        self._windows[name].append(window)
        gauge = asyncio.create_task(_gauge(name, self._windows[name]))
        try:
            await window.run(items())
        except Exception as error:
            log.exception("stage failed", stage=name)
            self.crash(error)
            await asyncio.Event().wait()
        finally:
            gauge.cancel()
            self._windows[name].remove(window)


async def _gauge(stage: str, windows: Sequence[Window[Any]]) -> None:
    """Tell the state of a stage's windows until cancelled; by the clock: it must also be right when nothing happens."""
    while True:
        metrics.WINDOW_DEPTH.labels(stage).set(sum(window.depth for window in windows))
        metrics.COMMIT_AGE_SECONDS.labels(stage).set(max(window.age_s for window in windows))
        await asyncio.sleep(_GAUGE_S)


def _record(topic: str, event: EventT[bytes]) -> Record:
    message = event.message
    return Record(
        topic=topic,
        partition=message.partition,
        offset=message.offset,
        key=message.key,
        value=message.value,
        # Kafka allows a header without a value, a dead letter does not.
        headers={name: value or b"" for name, value in dict(message.headers or {}).items()},
        timestamp_s=message.timestamp,
    )


def create_app(stages: Sequence[str], settings: Settings) -> faust.App:
    """Return a Faust app that runs these stages, each in its own consumer group when it runs alone.

    Raises
    ------
    UsageError
        A stage is unknown.
    """
    stages = in_flow_order(stages)
    app = _faust_app(group(settings, stages), settings)
    context = Context(app, settings)
    context.background(partial(_tell_when_ready, context, stages))
    for stage in stages:
        import_module(MODULES[stage]).create(context)
    return app


async def _tell_when_ready(context: Context, stages: Sequence[str]) -> None:
    sources = {source(stage) for stage in stages}
    # Polled, for Faust has no event that says so.
    while context.app.rebalancing or not any(context.owned(topic) for topic in sources):  # noqa: ASYNC110
        await asyncio.sleep(_READY_POLL_S)
    for ready in context.awaited:
        await ready()
    log.info("worker ready", stages=list(stages))
    if context.settings.ready_file is not None:
        context.settings.ready_file.touch()


def _faust_app(app_id: str, settings: Settings) -> faust.App:
    app = faust.App(
        app_id,
        broker=[f"kafka://{server}" for server in settings.bootstrap_servers.split(",")],
        broker_credentials=worker_credentials(settings),
        store="memory://",
        datadir=Path(gettempdir()) / app_id,  # it makes a folder there and, with tables in memory, puts nothing into it
        autodiscover=False,
        web_enabled=False,
        topic_allow_declare=False,  # `jikimi topics create` made them as topics.yaml says
        topic_disable_leader=True,
        table_standby_replicas=0,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=_LARGEST_BYTES,
        producer_max_request_size=_LARGEST_BYTES,
        producer_request_timeout=settings.delivery_timeout_s,
        stream_buffer_maxsize=settings.window,
        broker_commit_interval=settings.commit_interval_s,
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.session_timeout_s / 5,
        broker_request_timeout=max(40.0, settings.session_timeout_s + 10),
    )
    app.transport = Transport(app, settings.fetch_wait_ms, settings.drain_s)
    return app
