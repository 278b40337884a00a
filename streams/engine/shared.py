"""What the stages of one process share: models, codec, open cases and live models."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import cast

import faust

from streams.cases.open_cases import OpenCases
from streams.engine.faust_driver.consumer import Consumer
from streams.engine.faust_driver.limited_wait import ANSWER_S, within
from streams.engine.isolation import Isolation
from streams.kafka.clients import create_codec
from streams.live_models.live import LiveModels
from streams.live_models.selection import create_registry
from streams.sealing.media import MediaSeal
from streams.settings import Settings


class Shared:
    """State that is the same for every stage, held once a process.

    Parameters
    ----------
    crash
        Stops the worker.
    """

    def __init__(self, settings: Settings, crash: Callable[[Exception], None]) -> None:
        self.models = create_registry(settings)
        self.codec = create_codec(settings)
        self.cases = OpenCases(settings, self.codec, crash)
        self.work: list[Callable[[], Awaitable[None]]] = []
        """Background work of the process, to be run beside any of its stages."""
        self.awaited: list[Callable[[], Awaitable[None]]] = []
        """Called before the worker is ready."""
        self.isolation = Isolation()
        self.apps: list[faust.App] = []
        self._settings = settings
        self._crash = crash

    async def leave(self) -> None:
        """Note in each stage's commits that this worker ends in order."""
        # The property would create one for an app that has not started.
        consumers = [cast("Consumer", app._consumer) for app in self.apps if app._consumer is not None]  # noqa: SLF001
        await asyncio.gather(*(within(ANSWER_S, consumer.leave()) for consumer in consumers))

    @cached_property
    def media_seal(self) -> MediaSeal:
        """Seal of media; the keys are read if a stage uses it, and created if there are none."""
        return MediaSeal(self._settings.sealing)

    @cached_property
    def live_models(self) -> LiveModels:
        """Live models; the deployments topic is read if a stage uses them."""
        live_models = LiveModels(self._settings, self.codec, self.models, self._crash)
        self.work.append(live_models.run)
        self.awaited.append(live_models.ready)
        return live_models
