"""A takedown log whose topic is a list, without a broker."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from schemas.codec import Codec
from schemas.messages import Takedown
from streams.engine.context import Context
from streams.kafka.partitions import partition_of
from streams.settings import load_settings
from streams.takedown.log import TakedownLog


class MadeLog(TakedownLog):
    """A log with its topic: `write` appends an event and applies it; events are read again from the list."""

    def __init__(self, **of_context: Any) -> None:
        # The part of a context that the log uses; it is never started, so it needs no broker.
        settings = load_settings(bootstrap_servers="127.0.0.1:9")
        fields: dict[str, Any] = {
            "settings": settings,
            "codec": Codec(),
            "physical": lambda name: name,
            "crash": pytest.fail,
            "retry_while_unreachable": lambda step: step(),
            "partition_of_hash": lambda _, hashed: partition_of(hashed, 8),
        }
        self.context = cast("Context", SimpleNamespace(**fields | of_context))
        super().__init__(self.context)
        self.topic: list[Takedown] = []
        self.reads = 0
        self._events.read = self._read  # type: ignore[method-assign]

    async def start(self) -> None:
        """Do nothing."""

    async def current(self) -> None:
        """Do nothing: a written event is applied at once."""

    def write(self, event: Takedown) -> None:
        """Write an event as the stages do: signed."""
        self.write_as_it_is(self.signed(event))

    def write_as_it_is(self, event: Takedown) -> None:
        self.topic.append(event)
        self.apply(event, 0, len(self.topic) - 1)

    async def last_of(self, takedown_id: str) -> Takedown | None:
        entry = self.entry(takedown_id)
        return await self.last(entry.row) if entry is not None else None

    async def stop(self) -> None:
        await self._reader.stop()
        await self.acceptances.stop()

    async def _read(self, partition: int, offset: int) -> Takedown:
        assert partition == 0
        self.reads += 1
        return self.topic[offset]
