"""`jikimi check`: addresses go through the live stages now, and each gets one answer."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Sequence
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec
import structlog

from schemas.codec import Codec, WireError
from schemas.messages import DeadLetter, Message, Post, Takedown
from streams.delivery.platforms.registry import Registry, load_registry
from streams.desk.checking.answer import NOT_CHECKED, Answer
from streams.desk.checking.outcomes import Outcome, Outcomes, apply_earlier
from streams.desk.checking.post import checked_post, is_address
from streams.desk.checking.readers.bluesky import page_of
from streams.desk.checking.readers.installed import resolving
from streams.desk.checking.resolve import Resolver
from streams.desk.checking.resolved import Resolved
from streams.desk.hits.follower import TopicFollower, following
from streams.errors import RecordError, UsageError
from streams.feeds.batch import FeedRecord, destination
from streams.kafka.messages import each_message
from streams.kafka.producer import TopicWriter, writing
from streams.settings import Settings

log = structlog.get_logger()

MAX_LINKS = 500
"""Addresses of one call."""
PATIENCE_S = 120.0
"""Longest wait for the answer to one address, seconds; a film of two hours takes longer."""
_AT_ONCE = 8
"""Addresses that are resolved at the same time."""
_POLL_S = 0.2
_MAX_BATCH = 500
_CLOCKS_S = 60.0
"""By how much the clocks of this machine and of the workers may differ."""
_TOPICS = ("verdicts", "takedowns", "dead-letters")


@dataclass(frozen=True, slots=True)
class Checking:
    """What is checked.

    Parameters
    ----------
    cases
        Cases whose answers are shown; None for all.
    patience_s
        Longest wait for the answer to one address.
    """

    addresses: Sequence[str]
    cases: Collection[str] | None = None
    patience_s: float = PATIENCE_S


def check(settings: Settings, checking: Checking, show: Callable[[Answer], None]) -> list[Answer]:
    """Return the answers in the order in which they came; `show` is called with each at once.

    An address that is none, cannot be reached or has no media has its answer without a post. Every other becomes a post
    on `posts`, and goes the way of all posts: a takedown is issued as for any of them.

    Raises
    ------
    UsageError
        There are more than `MAX_LINKS`, or the broker does not answer, or has no such topics.
    """
    if len(checking.addresses) > MAX_LINKS:
        raise UsageError(f"{len(checking.addresses)} addresses, {MAX_LINKS} are checked in one call: split the list")
    answers: list[Answer] = []

    def take(answer: Answer) -> None:
        answers.append(answer)
        show(answer)

    with _broker(settings) as (writer, follower):
        asyncio.run(_Run(settings, checking, writer, follower, take).run())
    return answers


@contextmanager
def _broker(settings: Settings) -> Iterator[tuple[TopicWriter, TopicFollower]]:
    """Yield a writer, and a follower of what becomes of posts that are written from now on."""
    since = datetime.now(UTC) - timedelta(seconds=_CLOCKS_S)
    with writing(settings) as writer, following(settings, _TOPICS, since) as follower:
        yield writer, follower


class _Run:
    """One call: addresses are resolved and written while the answers to earlier ones come."""

    def __init__(
        self,
        settings: Settings,
        checking: Checking,
        writer: TopicWriter,
        follower: TopicFollower,
        take: Callable[[Answer], None],
    ) -> None:
        self._settings, self._checking, self._writer, self._follower = settings, checking, writer, follower
        self._take = take
        self._answers: dict[str, Answer] = {}
        """By post, at most one for each address of the call."""
        self._same: dict[str, list[str]] = {}
        """Further addresses by the post that waits for its answer."""
        self._registry: Registry = load_registry(settings.delivery.platforms)
        self._outcomes = Outcomes(lambda letter: seen_at(writer.codec, letter))

    async def run(self) -> None:
        """Return once every address has its answer."""
        resolving = asyncio.create_task(self._resolve_all())
        try:
            while self._outcomes or not resolving.done():
                for message in await asyncio.to_thread(self._next_messages):
                    self._outcomes.apply(message, time.monotonic())
                for outcome in self._outcomes.answered(time.monotonic(), self._checking.patience_s):
                    self._answer(outcome.answer())
                await self._look_for_takedowns()
                if resolving.done():
                    resolving.result()
        finally:
            resolving.cancel()
            with suppress(asyncio.CancelledError):
                await resolving

    async def _resolve_all(self) -> None:
        async with aclosing(resolved(self._settings, self._checking.addresses)) as found:
            async for address, outcome in found:
                if isinstance(outcome, Answer):
                    self._take(outcome)
                else:
                    await self._write(address, outcome)

    def _answer(self, answer: Answer) -> None:
        """Show an answer for its address, and for others that lead to the same page."""
        self._answers[answer.post_id] = answer
        for address in [answer.address, *self._same.pop(answer.post_id, ())]:
            self._take(msgspec.structs.replace(answer, address=address))

    async def _write(self, address: str, found: Resolved) -> None:
        post = found.post or checked_post(self._registry, found.address, datetime.now(UTC), found.media, found.words)
        if (known := self._answers.get(post.post_id)) is not None:
            self._take(msgspec.structs.replace(known, address=address))
            return
        if self._outcomes.has(post.post_id):
            self._same.setdefault(post.post_id, []).append(address)
            return
        # Before the post is written: its answer cannot come before it is waited for.
        self._outcomes.add(Outcome(address, post, found, self._checking.cases, time.monotonic()))
        await asyncio.to_thread(self._deliver, [post, *found.letters])

    def _deliver(self, records: Sequence[FeedRecord]) -> None:
        for record in records:
            self._writer.write(*destination(record), record)
        self._writer.flush()

    def _next_messages(self) -> list[Message]:
        """Return what has come, or what comes within a moment."""
        found: list[Message] = []
        while len(found) < _MAX_BATCH and (message := self._follower.next(0.0 if found else _POLL_S)) is not None:
            found.append(message)
        return found

    async def _look_for_takedowns(self) -> None:
        """Look through all takedowns for verdicts that brought none: one of an earlier verdict serves the address."""
        lacking = self._outcomes.lacking_takedowns(time.monotonic())
        if not lacking:
            return

        def apply(event: Takedown) -> None:
            apply_earlier(lacking, event)

        addresses = [outcome.post.url for outcome in lacking]
        await each_message(self._settings, "takedowns", Takedown, apply, addresses)
        for outcome in lacking:
            outcome.was_searched = True


async def resolved(settings: Settings, addresses: Sequence[str]) -> AsyncGenerator[tuple[str, Resolved | Answer]]:
    """Yield each address once with its media, or with the answer that it cannot be looked at, as they come."""
    async with resolving(settings) as resolver, aclosing(_each_resolved(resolver, addresses)) as found:
        async for one in found:
            yield one


async def _each_resolved(resolver: Resolver, addresses: Sequence[str]) -> AsyncGenerator[tuple[str, Resolved | Answer]]:
    places = asyncio.Semaphore(_AT_ONCE)

    async def resolve(address: str) -> tuple[str, Resolved | Answer]:
        async with places:
            return address, await _resolved(resolver, address)

    tasks = [asyncio.create_task(resolve(address)) for address in dict.fromkeys(addresses)]
    try:
        for done in asyncio.as_completed(tasks):
            yield await done
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _resolved(resolver: Resolver, address: str) -> Resolved | Answer:
    if not is_address(page := page_of(address)):
        detail = "no address of the web: expected one that begins with https:// or http://"
        return Answer(address=address, result="unread", reason="link_malformed", detail=detail)
    try:
        return await resolver.resolve(page)
    except RecordError as error:
        return Answer(address=address, result="unread", reason=error.reason, detail=error.detail)
    except Exception as error:
        log.exception("address not resolved")
        return Answer(address=address, result="unread", reason=NOT_CHECKED, detail=type(error).__name__)


def seen_at(codec: Codec, letter: DeadLetter) -> datetime | None:
    """Return when the post of a dead letter was seen, from its original; None where that cannot be decoded."""
    try:
        original: Message = codec.decode(letter.topic, letter.value or b"")
    except (WireError, KeyError):
        return None
    post = original if isinstance(original, Post) else getattr(getattr(original, "segment", None), "post", None)
    return post.seen_at if post is not None else None
