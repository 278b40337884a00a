"""Live models of a worker: the settings' until the first deployment, then the last deployment's.

A worker reads the deployments topic. A newly promoted model is loaded beside the one in use and swapped in between two
records: a record in flight ends with the model it began with, so every record is described by exactly one.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

import structlog

from models.manifest import Kind
from models.registry import Registry
from schemas.codec import Codec
from schemas.messages import Choice
from streams.kafka.topic_reader import TopicReader, Update
from streams.live_models.deployments import TOPIC, History, decode_deployments
from streams.live_models.selection import default_choice
from streams.settings import Settings
from streams.telemetry import metrics

log = structlog.get_logger()

_RETRY_S = 60.0


class LivePart[T]:
    """One part of the live choice, loaded.

    Parameters
    ----------
    load
        Loads the model as a stage uses it; runs in a thread, may take long.
    start
        The settings' choice, loaded at once, so that a model is in use even if no promoted one can be loaded.

    Raises
    ------
    ModelError
        The settings' model cannot be loaded.
    """

    def __init__(self, part: Kind, load: Callable[[Choice], T], start: Choice) -> None:
        self._part = part
        self._load = load
        self._choice = start
        self._loaded = load(start)
        metrics.model_in_use(part, getattr(start, part))
        self._ready = asyncio.Event()

    async def current(self) -> T:
        """Return the loaded part for a new record; the first call waits until the deployments were read."""
        await self._ready.wait()
        return self._loaded

    async def update(self, newest_first: Sequence[Choice]) -> None:
        """Load the newest choice and use it; while it cannot be loaded, the one in use stays.

        At the start, when only the settings' choice is in use, the newest choice that can be loaded is used.
        """
        for choice in newest_first:
            if self._in_use(choice) or await self._swap(choice) or self._ready.is_set():
                break
        metrics.MODEL_BEHIND.labels(self._part).set(not self._in_use(newest_first[0]))
        self._ready.set()

    def _in_use(self, choice: Choice) -> bool:
        return _of(self._part, self._choice) == _of(self._part, choice)

    async def _swap(self, choice: Choice) -> bool:
        names = {"part": self._part, "model": getattr(choice, self._part), "in_use": getattr(self._choice, self._part)}
        try:
            loaded = await asyncio.to_thread(self._load, choice)
        except Exception as error:  # noqa: BLE001 - a worker with a loaded model keeps working
            log.error("live model cannot be loaded", **names, error=str(error))  # noqa: TRY400 - the message is enough
            return False
        self._choice, self._loaded = choice, loaded
        metrics.model_in_use(self._part, getattr(choice, self._part))
        log.info("model live", **names)
        return True


class LiveModels:
    """Live models by part: reads the deployments and keeps each part that a stage uses loaded.

    Parameters
    ----------
    crash
        Stops the worker when the topic can no longer be read.
    """

    def __init__(
        self, settings: Settings, codec: Codec, registry: Registry, crash: Callable[[Exception], None]
    ) -> None:
        self._settings = settings
        self._codec = codec
        self._crash = crash
        self._start = default_choice(registry, settings)
        self._history = History(self._start)
        self._changed = asyncio.Event()
        self._parts: list[LivePart[object]] = []
        self._reader: TopicReader | None = None

    def use[T](self, part: Kind, load: Callable[[Choice], T]) -> LivePart[T]:
        """Return one part of the live choice, loaded; see `LivePart`."""
        live_part: LivePart[T] = LivePart(part, load, self._start)
        self._parts.append(live_part)
        return live_part

    async def ready(self) -> None:
        """Return once every part in use is loaded from the live choice."""
        for part in self._parts:
            await part.current()

    async def run(self) -> None:
        """Read deployments until cancelled; a part that could not be loaded is retried every minute.

        After an error it can be called again.
        """
        self._reader = self._reader or TopicReader(self._settings, TOPIC, self._apply, self._crash)
        await self._reader.start()
        await self._reader.ready()
        while True:
            self._changed.clear()
            for part in self._parts:
                await part.update(self._history.newest_first())
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), _RETRY_S)

    def _apply(self, updates: list[Update]) -> None:
        for deployment in decode_deployments(self._codec, updates):
            self._history.add(deployment)
        self._changed.set()


def _of(part: Kind, choice: Choice) -> object:
    # A policy is evaluated together with its fusion model, so the two change together.
    return (choice.fusion, choice.policy) if part == "fusion" else getattr(choice, part)
