"""Table over a compacted topic: the last value of each key, the same in every worker."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import cast

import structlog

from schemas.codec import Codec, WireError
from schemas.messages import Message
from streams.kafka.topic_reader import TopicReader, Update
from streams.settings import Settings

log = structlog.get_logger()


class CompactedTopic[M: Message](ABC):
    """Decode every record of a topic and apply it; a record that cannot be decoded is logged and changes nothing.

    A refused record must not stop the workers, because anybody who has the schema can write one.

    Parameters
    ----------
    topic
        Without prefix.
    schema
        Topic whose schema the messages have, where it is another one.
    crash
        Stops the worker when the topic can no longer be read.
    """

    def __init__(
        self,
        settings: Settings,
        codec: Codec,
        topic: str,
        crash: Callable[[Exception], None],
        *,
        schema: str | None = None,
    ) -> None:
        self._codec = codec
        self._schema = schema or topic
        self._listeners: list[Callable[[], None]] = []
        self._key_listeners: list[Callable[[str], None]] = []
        self._reader = TopicReader(settings, topic, self.apply, crash)

    def listen(self, listener: Callable[[], None]) -> None:
        """Call the listener on the event loop after every change."""
        self._listeners.append(listener)

    def listen_keys(self, listener: Callable[[str], None]) -> None:
        """Call the listener on the event loop with each key that was set or erased."""
        self._key_listeners.append(listener)

    async def start(self) -> None:
        """Start reading and return when the topic was read to its end; later calls start nothing."""
        await self._reader.start()
        await self._reader.ready()

    async def stop(self) -> None:
        """Stop reading and close the connection."""
        await self._reader.stop()

    async def current(self) -> None:
        """Return once every record written before this call is applied: a read barrier."""
        await self.start()
        await self._reader.current()

    def apply(self, updates: Iterable[Update]) -> None:
        """Apply records in their order, then call the listeners."""
        keys = []
        for update in updates:
            keys.append(key := update.key.decode(errors="replace"))
            if update.value is None:
                self._erase(key)
            elif (message := decode_or_refuse(self._codec, self._schema, update)) is not None:
                self._put(key, cast("M", message), update.offset)
        for listener in self._listeners:
            listener()
        for key_listener in self._key_listeners:
            for key in keys:
                key_listener(key)

    @abstractmethod
    def _put(self, key: str, message: M, offset: int) -> None:
        """Set the value of a key."""

    @abstractmethod
    def _erase(self, key: str) -> None:
        """Erase a key, if present."""


def decode_or_refuse(codec: Codec, topic: str, update: Update) -> Message | None:
    """Return the message of a record; if it cannot be decoded, log that and return None."""
    try:
        return codec.decode(topic, update.value or b"")
    except WireError as error:
        key = update.key.decode(errors="replace")
        log.warning("record refused", topic=topic, key=key, reason=error.reason, offset=update.offset)
        return None
