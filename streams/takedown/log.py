"""Takedowns as their topic tells them: linked events, of which the last of each takedown holds."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple, assert_never

import msgspec

from schemas.messages import PostRef, State, Takedown
from streams.kafka.codec_factory import create_codec
from streams.kafka.topic_reader import TopicReader, Update, read_whole
from streams.settings import Settings

if TYPE_CHECKING:
    from streams.engine.app import Context


class Place(NamedTuple):
    """What a removal speaks of: a post by its url, or an account by its name."""

    platform: str
    url: str | None = None
    author: str | None = None


def places(post: PostRef) -> list[Place]:
    """Return where a removal may say that this post is gone."""
    by_url = [Place(post.platform, url=post.url)] if post.url else []
    return by_url + ([Place(post.platform, author=post.author)] if post.author else [])


def chained(event: Takedown, previous: Takedown | None) -> Takedown:
    """Return the event linked to the one before it.

    The hash is SHA-256 over the event's canonical JSON (sorted keys, bytes as base64) with `previous` set and `hash`
    empty, so that no event of a takedown's life can be changed or left out unseen.
    """
    linked = msgspec.structs.replace(event, previous=previous.hash if previous else b"", hash=b"")
    digest = sha256(msgspec.json.encode(linked, order="sorted")).digest()
    return msgspec.structs.replace(linked, hash=digest)


def pending(state: State) -> bool:
    """Return whether a takedown in this state still asks a platform for something."""
    match state:
        case "issued" | "sent" | "acknowledged" | "reappeared":
            return True
        case "removed" | "withdrawn" | "held":
            return False
    assert_never(state)


class TakedownLog:
    """The last event of every takedown: the takedowns topic, followed whole. The topic is the stage's only memory."""

    def __init__(self, context: "Context") -> None:
        self._codec = context.codec
        self._reader = TopicReader(context.settings, context.physical("takedowns"), self._apply, context.crash)
        self._last: dict[str, Takedown] = {}
        self._by_place: dict[Place, set[str]] = defaultdict(set)
        self._listeners: list[Callable[[Takedown], None]] = []
        self.lock = asyncio.Lock()
        """Held from looking an event up to writing the next."""

    def listen(self, listener: Callable[[Takedown], None]) -> None:
        """Call the listener with every event, on the event loop."""
        self._listeners.append(listener)

    async def start(self) -> None:
        """Follow the topic, once however often it is called, and return when it has been read whole."""
        await self._reader.start()
        await self._reader.ready()

    async def current(self) -> None:
        """Return once everything written to the topic before this call is seen here."""
        await self.start()
        await self._reader.current()

    def last(self, takedown_id: str) -> Takedown | None:
        """Return the last event of a takedown, None if it was never issued."""
        return self._last.get(takedown_id)

    def at(self, place: Place) -> list[Takedown]:
        """Return the last event of every takedown of a post, or of an account's posts."""
        return [self._last[takedown_id] for takedown_id in self._by_place.get(place, ())]

    def asks(self, post: PostRef, case_id: str, *, or_holds: bool = False) -> bool:
        """Return whether the platform is asked to take down, for this case, what is at this post's url.

        Parameters
        ----------
        or_holds
            Whether a takedown that is held counts too.
        """
        others = self.at(Place(post.platform, url=post.url)) if post.url else []
        asked = (
            pending(other.state) or (or_holds and other.state == "held") for other in others if other.case_id == case_id
        )
        return any(asked)

    def all(self) -> list[Takedown]:
        """Return the last event of every takedown."""
        return list(self._last.values())

    def note(self, event: Takedown) -> None:
        """Take in an event; one seen twice, or written beside another that was first, changes nothing."""
        known = self._last.get(event.takedown_id)
        if known is not None and event.previous != known.hash:
            return
        self._last[event.takedown_id] = event
        for place in places(event.post):
            self._by_place[place].add(event.takedown_id)
        for listener in self._listeners:
            listener(event)

    def _apply(self, updates: list[Update]) -> None:
        for update in updates:
            if update.value is not None:
                event = self._codec.decode("takedowns", update.value)
                assert isinstance(event, Takedown)
                self.note(event)


async def read_takedowns(settings: Settings) -> list[Takedown]:
    """Return every event of every takedown, in the order in which they were written.

    Raises
    ------
    UsageError
        The broker does not answer, or has no such topic.
    WireError
        An event cannot be decoded.
    """
    codec, events = create_codec(settings), []
    for update in await read_whole(settings, "takedowns"):
        event = codec.decode("takedowns", update.value or b"")
        assert isinstance(event, Takedown)
        events.append(event)
    return events
