"""Log of takedowns: the last event of each takedown is its state."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from typing import TYPE_CHECKING

from schemas.messages import PostRef, State, Takedown
from streams.kafka.compacted_topic import decode_or_refuse
from streams.kafka.messages import read_messages
from streams.kafka.topic_reader import TopicReader, Update
from streams.settings import Settings
from streams.takedown.event_reader import EventReader
from streams.takedown.index import Entry, RemovalTarget, TakedownIndex
from streams.takedown.life import OPEN, PENDING

if TYPE_CHECKING:
    from streams.engine.context import Context


class TakedownLog:
    """State of every takedown: an index of the whole takedowns topic, which is the stage's only state.

    The events themselves stay in the topic and are read again when one is followed by another.
    """

    def __init__(self, context: "Context") -> None:
        self._codec = context.codec
        topic = context.physical("takedowns")
        self._reader = TopicReader(context.settings, topic, self._apply_updates, context.crash)
        self._events = EventReader(context.settings, topic, context.codec)
        self._index = TakedownIndex()
        self._listeners: list[Callable[[Takedown], None]] = []
        self.lock = asyncio.Lock()
        """Held from the lookup of a takedown's last event to the write of its next one."""

    @property
    def size_bytes(self) -> int:
        """Size of the index."""
        return self._index.size_bytes

    def listen(self, listener: Callable[[Takedown], None]) -> None:
        """Call the listener with every event, on the event loop."""
        self._listeners.append(listener)

    async def start(self) -> None:
        """Start to follow the topic, on the first call only, and return once it has been read to its end."""
        await self._reader.start()
        await self._reader.ready()

    async def current(self) -> None:
        """Return once everything written to the topic before this call has been applied: a read barrier."""
        await self.start()
        await self._reader.current()

    def state(self, takedown_id: str) -> State | None:
        """Return the state of a takedown, None if it was never issued."""
        entry = self._index.find(takedown_id)
        return entry.state if entry is not None else None

    def entry(self, takedown_id: str) -> Entry | None:
        """Return the entry of a takedown, None if it was never issued."""
        return self._index.find(takedown_id)

    async def last(self, row: int) -> Takedown | None:
        """Return the last event of the takedown in a row of the index, read from the topic.

        Raises
        ------
        BrokerError
            The broker does not answer.
        """
        entry = self._index.get(row)
        return await self._events.read(entry.partition, entry.offset) if entry is not None else None

    async def entries(self, key: int, states: Collection[State]) -> AsyncIterator[Entry]:
        """Yield the takedowns that a key finds in these states; other work runs between two pages.

        Parameters
        ----------
        key
            `case_key`, `reference_key` or `target_key` of the index. Keys are digests: each event must be compared.
        """
        after: int | None = 0
        while after is not None:
            page, after = self._index.page(key, states, after)
            for entry in page:
                yield entry
            await asyncio.sleep(0)

    async def cases(self, states: Collection[State]) -> set[int]:
        """Return the keys of the cases that have takedowns in these states; other work runs between two pages."""
        found: set[int] = set()
        after: int | None = 0
        while after is not None:
            page, after = self._index.cases(states, after)
            found |= page
            await asyncio.sleep(0)
        return found

    def has_pending(self, post: PostRef, case_id: str, *, or_held: bool = False) -> bool:
        """Return whether a takedown for this case is pending at this post's url.

        Parameters
        ----------
        or_held
            Whether a held takedown counts too.
        """
        target = RemovalTarget(post.platform, url=post.url)
        return bool(post.url) and self._index.has(target, case_id, OPEN if or_held else PENDING)

    def apply(self, event: Takedown, partition: int, offset: int) -> None:
        """Apply an event; a repeated one, or one that does not follow the last event, is ignored."""
        if self._index.apply(event, partition, offset):
            for listener in self._listeners:
                listener(event)

    def _apply_updates(self, updates: list[Update]) -> None:
        for update in updates:
            event = decode_or_refuse(self._codec, "takedowns", update)
            if isinstance(event, Takedown):
                self.apply(event, update.partition, update.offset)


async def read_takedowns(settings: Settings, case_id: str = "") -> list[Takedown]:
    """Return every event of every takedown, in order, or those of one case only.

    Raises
    ------
    UsageError
        The broker does not answer, or has no such topic.
    """
    events = await read_messages(settings, "takedowns", Takedown, case_id)
    return [event for event in events if case_id in ("", event.case_id)]
