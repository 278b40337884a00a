"""A stage's agent: records from Faust, several at once in an ordered window, each through the guard."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast
from weakref import WeakKeyDictionary

import faust
import structlog
from faust.streams import Stream
from faust.types import EventT, StreamT
from faust.types.tuples import Message

from streams.engine.faust_driver.consumer import Consumer
from streams.engine.guard import Guard
from streams.engine.isolation import Isolation
from streams.engine.record import Record
from streams.engine.window import Window
from streams.telemetry import metrics

log = structlog.get_logger()

_GAUGE_S = 1.0


@dataclass(frozen=True, slots=True)
class _InFlight:
    """One Faust event as an item of the window."""

    event: EventT[bytes]
    consumer: Consumer

    @property
    def partition(self) -> object:
        return self.event.message.tp

    def ack(self) -> None:
        self.consumer.finish(self.event.message)


class AgentRunner:
    """Runs the agents of one app.

    Parameters
    ----------
    limit
        Records in flight per agent.
    isolation
        Way of each record to the guard.
    crash
        Stops the worker.
    """

    def __init__(self, app: faust.App, limit: int, isolation: Isolation, crash: Callable[[Exception], None]) -> None:
        self._app = app
        self._limit = limit
        self._isolation = isolation
        self._crash = crash
        self._windows: dict[str, list[Window[Any]]] = defaultdict(list)
        self._n_finished: WeakKeyDictionary[Message, int] = WeakKeyDictionary()

    async def run(self, topic: str, guard: Guard[Any], stream: StreamT[bytes]) -> None:
        """Process the records of a stream until it ends; stop the worker if one of them cannot reach its outcome."""
        consumer = cast("Consumer", self._app.consumer)

        async def work(item: _InFlight) -> None:
            await self._isolation.process(guard, _record(topic, item.event), item.event.message.tp, consumer)
            self._drop_value(item.event)

        async def items() -> AsyncIterator[_InFlight]:
            async for event in cast("Stream[bytes]", stream).noack().events():
                yield _InFlight(event, consumer)

        window = Window(work, self._limit)
        windows = self._windows[guard.stage]
        windows.append(window)
        gauge = asyncio.create_task(_export_gauges(guard.stage, windows))
        try:
            await window.run(items())
        except Exception as error:
            log.exception("stage failed", stage=guard.stage)
            self._crash(error)
            await asyncio.Event().wait()
        finally:
            gauge.cancel()
            windows.remove(window)

    def _drop_value(self, event: EventT[bytes]) -> None:
        """Free the value of a finished record, which may wait long for an earlier one to be acked.

        Two agents may read one topic, and share its messages: the last of them to finish frees the value.
        """
        message = event.message
        event.value = None
        self._n_finished[message] = self._n_finished.get(message, 0) + 1
        if self._n_finished[message] >= message.refcount:
            message.value = None


async def _export_gauges(stage: str, windows: Sequence[Window[Any]]) -> None:
    """Export depth and age of a stage's windows every second: they must be right when no record moves, too."""
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
