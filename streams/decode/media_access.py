"""The media of one post: fetched, scanned and decoded in full or with the reason why not."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

import stamina

from schemas.messages import Post
from streams.decode import captions
from streams.decode.decoder import Decoder
from streams.decode.fetch.fetcher import Fetcher
from streams.decode.fetch.turns import NoRoomError, Share
from streams.decode.media.decoded import DecodedSegment, MediaInfo, Span
from streams.engine.waiting import waiting
from streams.errors import RecordError, TransientError, UnprocessableError, WorkerError, worker_fault
from streams.telemetry import metrics

_FIRST_PAUSE_S = 0.5


@dataclass(frozen=True, slots=True)
class OpenMedium:
    """A fetched and scanned medium."""

    index: int
    """Position among the post's media."""
    path: Path
    info: MediaInfo
    spans: list[Span]
    """Its segments."""


class Wave(NamedTuple):
    """Media of a post that are on disk together."""

    opened: list[OpenMedium]
    is_last: bool


@dataclass(frozen=True, slots=True)
class Failure:
    """The error because of which a medium is not decoded, or not in full."""

    medium: int
    error: RecordError


@dataclass(frozen=True, slots=True)
class MediaAccess:
    """Access to the media of posts: fetcher, decoder and limits."""

    fetcher: Fetcher
    decoder: Decoder
    max_media: int
    """Media decoded of one post; further ones are refused."""
    fetch_attempts: int = 4
    """Attempts to fetch a medium."""
    processing_s: float = 0.0
    """Seconds after a post was seen during which a medium may be missing because its platform still processes it."""
    voice: bool = False
    """True if the audio stage also describes voices."""
    read_on_screen: bool = False
    """True if the screen stage writes a record on texts for each record on frames."""

    async def waves(self, post: Post, failures: list[Failure]) -> AsyncGenerator[Wave]:
        """Yield the fetched and scanned media of a post: all at once, or as many as the disk has room for at a time.

        Media that fail are appended to `failures`. A wave's files are kept until the next one is requested; the last
        one, which may be empty, is marked. Close the generator if you stop early.
        """
        if len(post.media) > self.max_media:
            detail = f"{len(post.media)} media, {self.max_media} allowed (JIKIMI_MEDIA_MAX_MEDIA)"
            failures.append(Failure(self.max_media, UnprocessableError("too_many_media", detail)))
        links = {i: medium.url for i, medium in enumerate(post.media[: self.max_media])}
        share, is_last = Share(), False
        while not is_last:
            async with AsyncExitStack() as files:
                async with waiting():
                    fetched = await _concurrently(
                        partial(self._fetch, post.seen_at, share, files, failures=failures), links
                    )
                files_by_kind = {i: (one, post.media[i].kind) for i, one in fetched.items() if isinstance(one, Path)}
                opened = await _concurrently(self._scan, files_by_kind)
                outcomes = {**fetched, **opened}
                failures += [Failure(i, error) for i, error in outcomes.items() if isinstance(error, RecordError)]
                links = {i: links[i] for i, outcome in outcomes.items() if isinstance(outcome, NoRoomError)}
                is_last = not links
                yield Wave([one for one in outcomes.values() if isinstance(one, OpenMedium)], is_last=is_last)

    async def _fetch(
        self, seen_at: datetime, share: Share, files: AsyncExitStack, index: int, url: str, *, failures: list[Failure]
    ) -> Path | RecordError | NoRoomError:
        """Return a fetched medium, kept until `files` is closed, or the error with which its last attempt ended.

        Reasons why a fetched one is incomplete are appended to `failures`.
        """
        missing: list[RecordError] = []
        fetch = partial(self.fetcher.fetch, url, share, missing)
        try:
            async for attempt in stamina.retry_context(_is_worth_another, attempts=self.fetch_attempts, timeout=None):
                with attempt:
                    try:
                        path = await self._once_processed(fetch, seen_at, files)
                        failures += [Failure(index, error) for error in missing]
                        return path  # noqa: TRY300 - an else clause would leave the attempt's block
                    except TransientError as error:
                        metrics.FETCH_FAILURES.labels(error.reason).inc()
                        raise
        except (RecordError, NoRoomError) as error:
            return _of_the_medium(error)
        raise AssertionError

    async def _once_processed(
        self, fetch: Callable[[], AbstractAsyncContextManager[Path]], seen_at: datetime, files: AsyncExitStack
    ) -> Path:
        """Return a fetched medium, after waiting `processing_s` from `seen_at` on for one that does not exist yet."""
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                return await files.enter_async_context(fetch())
            except UnprocessableError as error:
                left_s = self.processing_s - (datetime.now(UTC) - seen_at).total_seconds()
                if error.reason != "link_not_yet" or left_s <= 0:
                    raise
            await asyncio.sleep(min(pause_s, left_s))
            pause_s *= 2

    async def _scan(self, index: int, fetched: tuple[Path, str | None]) -> OpenMedium | RecordError:
        path, kind = fetched
        try:
            if kind == captions.KIND:
                return OpenMedium(index, path, captions.read_captions(path), [])
            info = await self.decoder.scan(path)
        except RecordError as error:
            return _of_the_medium(error)
        return OpenMedium(index, path, info, self.decoder.spans(info))

    async def segments(
        self, medium: OpenMedium, failures: list[Failure]
    ) -> AsyncGenerator[tuple[Span, DecodedSegment]]:
        """Yield every segment in `medium.spans`, empty after decoding failed; append the reason to `failures`."""
        if not medium.spans:
            return
        left = iter(medium.spans)
        try:
            async with aclosing(self.decoder.segments(medium.path, medium.info)) as segments:
                async for segment in segments:
                    if (span := next(left, None)) is not None:  # a compromised child may send any number
                        yield span, segment
        except UnprocessableError as error:
            failures.append(Failure(medium.index, error))
        for span in left:
            yield span, DecodedSegment(start_s=span.start_s, duration_s=span.duration_s)


async def _concurrently[A, R](work: Callable[[int, A], Awaitable[R]], arguments: Mapping[int, A]) -> dict[int, R]:
    """Return the result of each argument; an error of the worker itself is raised as it is."""
    try:
        async with asyncio.TaskGroup() as tasks:
            running = {i: tasks.create_task(_awaited(work(i, argument))) for i, argument in arguments.items()}
    except* WorkerError as errors:
        raise errors.exceptions[0] from errors
    return {i: task.result() for i, task in running.items()}


async def _awaited[R](work: Awaitable[R]) -> R:
    return await work


def _is_worth_another(error: Exception) -> bool:
    """Return whether another attempt may succeed where this error ended one."""
    return isinstance(error, TransientError) and worker_fault(error) is None


def _of_the_medium[E: Exception](error: E) -> E:
    """Return an error that the medium or its host caused; raise one of the worker itself."""
    if (fault := worker_fault(error)) is not None:
        raise fault from error
    return error
