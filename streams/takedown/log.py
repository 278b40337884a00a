"""Log of takedowns: hash-linked events, the last of each takedown is its state."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple, assert_never

import msgspec

from schemas.messages import PostRef, State, Takedown
from streams.kafka.clients import create_codec
from streams.kafka.compacted_topic import decode_or_refuse
from streams.kafka.topic_reader import TopicReader, Update, read_whole
from streams.settings import Settings

if TYPE_CHECKING:
    from streams.engine.context import Context


class RemovalTarget(NamedTuple):
    """Target of a removal: a post by its url, or an account by its name."""

    platform: str
    url: str | None = None
    author: str | None = None


def removal_targets(post: PostRef) -> list[RemovalTarget]:
    """Return the targets of removals that remove this post."""
    by_url = [RemovalTarget(post.platform, url=post.url)] if post.url else []
    return by_url + ([RemovalTarget(post.platform, author=post.author)] if post.author else [])


def chained(event: Takedown, previous: Takedown | None) -> Takedown:
    """Return the event linked to the previous one.

    The hash is SHA-256 over the event's canonical JSON (sorted keys, bytes as base64) with `previous` set and `hash`
    empty, so a changed or missing event of a takedown is detected.
    """
    linked = msgspec.structs.replace(event, previous=previous.hash if previous else b"", hash=b"")
    digest = sha256(msgspec.json.encode(linked, order="sorted")).digest()
    return msgspec.structs.replace(linked, hash=digest)


def pending(state: State) -> bool:
    """Return whether a takedown in this state still requests a removal from the platform."""
    match state:
        case "issued" | "sent" | "acknowledged" | "reappeared":
            return True
        case "removed" | "withdrawn" | "held":
            return False
    assert_never(state)


class TakedownLog:
    """Last event of every takedown: the whole takedowns topic, which is the stage's only state."""

    def __init__(self, context: "Context") -> None:
        self._codec = context.codec
        self._reader = TopicReader(context.settings, context.physical("takedowns"), self._apply_updates, context.crash)
        self._last: dict[str, Takedown] = {}
        self._by_target: dict[RemovalTarget, set[str]] = defaultdict(set)
        self._listeners: list[Callable[[Takedown], None]] = []
        self.lock = asyncio.Lock()
        """Held from the lookup of a takedown's last event to the write of its next one."""

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

    def last(self, takedown_id: str) -> Takedown | None:
        """Return the last event of a takedown, None if it was never issued."""
        return self._last.get(takedown_id)

    def at(self, target: RemovalTarget) -> list[Takedown]:
        """Return the last event of every takedown of a post, or of an account's posts."""
        return [self._last[takedown_id] for takedown_id in self._by_target.get(target, ())]

    def has_pending(self, post: PostRef, case_id: str, *, or_held: bool = False) -> bool:
        """Return whether a takedown for this case is pending at this post's url.

        Parameters
        ----------
        or_held
            Whether a held takedown counts too.
        """
        others = self.at(RemovalTarget(post.platform, url=post.url)) if post.url else []
        return any(
            pending(other.state) or (or_held and other.state == "held") for other in others if other.case_id == case_id
        )

    def all(self) -> list[Takedown]:
        """Return the last event of every takedown."""
        return list(self._last.values())

    def apply(self, event: Takedown) -> None:
        """Apply an event; a repeated one, or one that does not follow the last event, is ignored."""
        last = self._last.get(event.takedown_id)
        if last is not None and event.previous != last.hash:
            return
        self._last[event.takedown_id] = event
        for target in removal_targets(event.post):
            self._by_target[target].add(event.takedown_id)
        for listener in self._listeners:
            listener(event)

    def _apply_updates(self, updates: list[Update]) -> None:
        for update in updates:
            event = decode_or_refuse(self._codec, "takedowns", update)
            if isinstance(event, Takedown):
                self.apply(event)


async def read_takedowns(settings: Settings) -> list[Takedown]:
    """Return every event of every takedown, in order.

    Raises
    ------
    UsageError
        The broker does not answer, or has no such topic.
    """
    codec = create_codec(settings)
    events = [decode_or_refuse(codec, "takedowns", update) for update in await read_whole(settings, "takedowns")]
    return [event for event in events if isinstance(event, Takedown)]
