"""The models at work: the settings' until the first deployment, then the last deployment's.

A worker follows the deployments topic. A newly chosen model is loaded beside the one at work and swapped in between two
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

_TRY_AGAIN_S = 60.0


class Chosen[T]:
    """One part of the live choice, loaded.

    Parameters
    ----------
    load
        Makes what a stage works with; runs in a thread, may take long.
    start
        The settings' choice, loaded here and now: whatever is promoted later, there is something to work with.

    Raises
    ------
    ModelError
        It cannot be had.
    """

    def __init__(self, part: Kind, load: Callable[[Choice], T], start: Choice) -> None:
        self._part = part
        self._load = load
        self._choice = start
        self._loaded = load(start)
        metrics.model_at_work(part, getattr(start, part))
        self._ready = asyncio.Event()

    async def current(self) -> T:
        """Return what to begin a record with; the first call waits until it is known what is live."""
        await self._ready.wait()
        return self._loaded

    async def take(self, newest_first: Sequence[Choice]) -> None:
        """Put the newest choice to work; while that cannot be loaded, what is at work stays.

        At the start, when nothing but the settings' choice is at work, the newest that can be loaded is taken.
        """
        for choice in newest_first:
            if self._serves(choice) or await self._swap(choice) or self._ready.is_set():
                break
        metrics.MODEL_BEHIND.labels(self._part).set(not self._serves(newest_first[0]))
        self._ready.set()

    def _serves(self, choice: Choice) -> bool:
        return _of(self._part, self._choice) == _of(self._part, choice)

    async def _swap(self, choice: Choice) -> bool:
        names = {"part": self._part, "model": getattr(choice, self._part), "at_work": getattr(self._choice, self._part)}
        try:
            loaded = await asyncio.to_thread(self._load, choice)
        except Exception as error:  # noqa: BLE001 - whatever it is, a worker with a model that works goes on working
            log.error("live model cannot be loaded", **names, error=str(error))  # noqa: TRY400 - its words suffice
            return False
        self._choice, self._loaded = choice, loaded
        metrics.model_at_work(self._part, getattr(choice, self._part))
        log.info("model live", **names)
        return True


class LiveModels:
    """Follows the deployments and keeps each part that a stage uses loaded.

    Parameters
    ----------
    crash
        Ends the worker when the topic can no longer be followed.
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
        self._parts: list[Chosen[object]] = []

    def use[T](self, part: Kind, load: Callable[[Choice], T]) -> Chosen[T]:
        """Return one part of the live choice as a stage works with it; see `Chosen`."""
        chosen: Chosen[T] = Chosen(part, load, self._start)
        self._parts.append(chosen)
        return chosen

    async def ready(self) -> None:
        """Return once every part in use is what is live."""
        for part in self._parts:
            await part.current()

    async def run(self) -> None:
        """Follow until cancelled; what could not be loaded is tried again from time to time."""
        reader = TopicReader(self._settings, self._settings.topic_prefix + TOPIC, self._apply, self._crash)
        await reader.start()
        await reader.ready()
        while True:
            self._changed.clear()
            for part in self._parts:
                await part.take(self._history.newest_first())
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), _TRY_AGAIN_S)

    def _apply(self, updates: list[Update]) -> None:
        for deployment in decode_deployments(self._codec, updates):
            self._history.add(deployment)
        self._changed.set()


def _of(part: Kind, choice: Choice) -> object:
    # A policy was judged good with the fusion model it came with: they go together.
    return (choice.fusion, choice.policy) if part == "fusion" else getattr(choice, part)
