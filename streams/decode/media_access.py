"""The media of one post: fetched, scanned and decoded in full or with the reason why not."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from schemas.messages import Post
from streams.decode.decoder import Decoder
from streams.decode.fetch.fetcher import Fetcher
from streams.decode.media.decoded import DecodedSegment, MediaInfo
from streams.errors import RecordError, UnprocessableError

_FIRST_PAUSE_S = 0.5


@dataclass(frozen=True, slots=True)
class OpenMedium:
    """A fetched and scanned medium."""

    index: int
    """Position among the post's media."""
    path: Path
    info: MediaInfo
    spans: list[tuple[float, float]]
    """Start and duration of each segment, seconds."""


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
    processing_s: float = 0.0
    """Seconds after a post was seen during which a medium may be missing because its platform still processes it."""
    voice: bool = False
    """True if the audio stage also describes voices."""
    read_on_screen: bool = False
    """True if the screen stage writes a record on texts for each record on frames."""

    async def fetch(self, url: str, seen_at: datetime, files: AsyncExitStack) -> Path:
        """Return a fetched medium, kept until `files` is closed.

        Raises
        ------
        UnprocessableError, TransientError
            As Fetcher.fetch; link_not_yet only once `processing_s` has passed since `seen_at`.
        """
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                return await files.enter_async_context(self.fetcher.fetch(url))
            except UnprocessableError as error:
                left_s = self.processing_s - (datetime.now(UTC) - seen_at).total_seconds()
                if error.reason != "link_not_yet" or left_s <= 0:
                    raise
            await asyncio.sleep(min(pause_s, left_s))
            pause_s *= 2

    async def open_all(self, post: Post, files: AsyncExitStack) -> tuple[list[OpenMedium], list[Failure]]:
        """Fetch and scan all media of a post concurrently; `files` keeps them until it is closed."""
        chosen = enumerate(post.media[: self.max_media])
        async with asyncio.TaskGroup() as tasks:
            opening = [tasks.create_task(self._open(i, medium.url, post.seen_at, files)) for i, medium in chosen]
        outcomes = [task.result() for task in opening]
        failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
        if len(post.media) > self.max_media:
            detail = f"{len(post.media)} media, {self.max_media} allowed"
            failures.append(Failure(self.max_media, UnprocessableError("too_many_media", detail)))
        return [outcome for outcome in outcomes if isinstance(outcome, OpenMedium)], failures

    async def _open(self, index: int, url: str, seen_at: datetime, files: AsyncExitStack) -> OpenMedium | Failure:
        try:
            path = await self.fetch(url, seen_at, files)
            info = await self.decoder.scan(path)
        except RecordError as error:
            return Failure(index, error)
        return OpenMedium(index, path, info, self.decoder.spans(info))

    async def segments(self, medium: OpenMedium, failures: list[Failure]) -> AsyncGenerator[DecodedSegment]:
        """Yield every segment in `medium.spans`, empty after decoding failed; append the reason to `failures`."""
        n_done = 0
        try:
            async with aclosing(self.decoder.segments(medium.path, medium.info)) as segments:
                async for segment in segments:
                    yield segment
                    n_done += 1
        except UnprocessableError as error:
            failures.append(Failure(medium.index, error))
        for start_s, duration_s in medium.spans[n_done:]:
            yield DecodedSegment(start_s=start_s, duration_s=duration_s)
