"""Addresses of forms, resolved in the background as `jikimi check` does; the post of each is written as it is found."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import ExitStack, aclosing
from datetime import UTC, datetime, timedelta

import structlog

from streams.console.store.checks import Check, Checks, Unread
from streams.delivery.platforms.registry import load_registry
from streams.desk.checking.answer import NOT_CHECKED, Answer
from streams.desk.checking.check import resolved
from streams.desk.checking.post import checked_post
from streams.desk.checking.resolved import Resolved
from streams.feeds.batch import FeedRecord, destination
from streams.kafka.producer import writing
from streams.settings import Settings

log = structlog.get_logger()

MAX_FORMS = 4
"""Forms whose addresses are resolved at the same time, eight of each at once; a further one is refused."""

type Resolve = Callable[[Settings, Sequence[str]], AsyncGenerator[tuple[str, Resolved | Answer]]]
type Write = Callable[[Sequence[FeedRecord]], None]


class BusyError(Exception):
    """Too many forms are under way."""


class LinkChecks:
    """Addresses that are being resolved.

    Parameters
    ----------
    checks
        Takes in what each address led to.
    resolve
        Yields each address with what it led to; by default `resolved` of the desk.
    write
        Writes a post and its dead letters; by default to their topics.
    """

    def __init__(
        self, settings: Settings, checks: Checks, resolve: Resolve = resolved, write: Write | None = None
    ) -> None:
        self._settings, self._checks, self._resolve = settings, checks, resolve
        self._write: Write | None = write
        self._registry = load_registry(settings.delivery.platforms)
        self._memory = timedelta(seconds=settings.fusion_memory_s)
        self._tasks: set[asyncio.Task[None]] = set()

    def require_place(self) -> None:
        """Return if a further form can begin; raises BusyError."""
        if len(self._tasks) >= MAX_FORMS:
            raise BusyError

    def begin(self, checks: Iterable[Check]) -> None:
        """Begin to resolve the addresses of a form."""
        task = asyncio.create_task(self._run({check.address: check for check in checks}))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drain(self) -> None:
        """Return once every address that is under way has led to something."""
        await asyncio.gather(*self._tasks)

    async def stop(self) -> None:
        """End; addresses that have led to nothing yet are not checked."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, left: dict[str, Check]) -> None:
        fault = "the console was stopped"
        try:
            with ExitStack() as stack:
                write = self._write if self._write is not None else await asyncio.to_thread(self._open, stack)
                async with aclosing(self._resolve(self._settings, list(left))) as found:
                    async for address, outcome in found:
                        await self._take(left[address], outcome, write)
                        del left[address]
        except Exception as error:
            log.exception("addresses not checked", n=len(left))
            fault = str(error) or type(error).__name__
        finally:
            for check in left.values():
                self._checks.settle(check._replace(refusal=Unread("", NOT_CHECKED, fault)))

    def _open(self, stack: ExitStack) -> Write:
        writer = stack.enter_context(writing(self._settings))

        def write(records: Sequence[FeedRecord]) -> None:
            for record in records:
                writer.write(*destination(record), record)
            writer.flush()

        return write

    async def _take(self, check: Check, found: Resolved | Answer, write: Write) -> None:
        if isinstance(found, Answer):
            self._checks.settle(check._replace(refusal=Unread("", found.reason, found.detail)))
            return
        now = datetime.now(UTC)
        post = found.post or checked_post(self._registry, found.address, now, found.media, found.words)
        missing = Unread("", found.missing.reason, found.missing.detail) if found.missing is not None else None
        check = check._replace(post_id=post.post_id, refusal=missing)
        check = check._replace(media=len(found.media), media_named=found.n_named)
        if self._checks.awaits(post.post_id, now - self._memory):  # as for another address of the same page
            self._checks.settle(check)
            return
        # Before the post is written: its answer cannot come before it is watched for.
        self._checks.settle(check, post.seen_at)
        await asyncio.to_thread(write, [post, *found.letters])
