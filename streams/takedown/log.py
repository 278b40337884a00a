"""Log of takedowns: the last event of each takedown is its state."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from typing import TYPE_CHECKING

import structlog

from schemas.messages import PostRef, State, Takedown
from streams.audit.signing import own_signer
from streams.audit.trusted_keys import trusted_keys
from streams.kafka.compacted_topic import decode_or_refuse
from streams.kafka.messages import read_messages
from streams.kafka.topic_reader import TopicReader, Update
from streams.settings import Settings
from streams.takedown.accepted import Acceptance, Acceptances
from streams.takedown.event_reader import EventReader
from streams.takedown.frozen import FrozenTakedowns
from streams.takedown.index import Entry, RemovalTarget, TakedownIndex
from streams.takedown.life import OPEN, PENDING
from streams.takedown.signed import signed
from streams.takedown.verifier import Verifier

if TYPE_CHECKING:
    from streams.engine.context import Context

log = structlog.get_logger()


class TakedownLog:
    """State of every takedown: an index of the whole takedowns topic, which is the stage's only state.

    The events themselves stay in the topic and are read again when one is followed by another. An event that does not
    verify freezes its takedown, and the last one that does remains its state.
    """

    def __init__(self, context: "Context") -> None:
        self._codec = context.codec
        self._reader = TopicReader(context.settings, "takedowns", self._apply_updates, context.crash)
        self._events = EventReader(context.settings, context.codec)
        self._index = TakedownIndex()
        self._frozen = FrozenTakedowns()
        self.signer = own_signer(context.settings)
        self.keys = trusted_keys(context.settings)
        self._verifier = Verifier(self.keys, allow_unsigned=context.settings.audit.allow_unsigned)
        self._verifier.require(self.signer.key_id)
        self.acceptances = Acceptances(context, self.keys, self._accept)
        self._listeners: list[Callable[[Takedown], None]] = []
        self._thaw_listeners: list[Callable[[str], None]] = []
        self.lock = asyncio.Lock()
        """Held from the lookup of a takedown's last event to the write of its next one."""

    @property
    def size_bytes(self) -> int:
        """Size of the index."""
        return self._index.size_bytes

    def listen(self, listener: Callable[[Takedown], None]) -> None:
        """Call the listener with every event, on the event loop."""
        self._listeners.append(listener)

    def listen_thaws(self, listener: Callable[[str], None]) -> None:
        """Call the listener with the id of every takedown that is frozen no more, on the event loop."""
        self._thaw_listeners.append(listener)

    def signed(self, event: Takedown) -> Takedown:
        """Return a takedown's next event as it is written: with this process's signature."""
        return signed(event, self.signer)

    def require_unfrozen(self, takedown_id: str) -> None:
        """Return if a takedown is not frozen; raises `UnprocessableError` if it is."""
        self._frozen.require_unfrozen(takedown_id)

    async def start(self) -> None:
        """Start to follow the topic, on the first call only, and return once it has been read to its end."""
        await self.acceptances.start()
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
        UnprocessableError
            The takedown is frozen.
        """
        entry = self._index.get(row)
        if entry is None:
            return None
        event = await self._events.read(entry.partition, entry.offset)
        self._frozen.require_unfrozen(event.takedown_id)
        return event

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
        """Apply an event; a repeated one is ignored, and one that does not verify freezes its takedown."""
        fault: str | None = self._verifier.fault(event, partition)
        if fault is None:
            applied = self._index.apply(event, partition, offset)
            fault = "an event before it is missing" if applied == "gap" else None
            if applied == "applied":
                for listener in self._listeners:
                    listener(event)
        if fault is not None:
            self._frozen.freeze(event, partition, offset, fault)

    def _accept(self, acceptance: Acceptance) -> None:
        if self._frozen.accept(acceptance):
            log.warning("takedown goes on", takedown=acceptance.takedown_id)
            for listener in self._thaw_listeners:
                listener(acceptance.takedown_id)

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
