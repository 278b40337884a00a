"""posts -> frames, sounds, texts: fetch a post's media and cut them into segments of pictures, sound and words."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.messages import Frames, Modality, Parts, Post, Segment, Sounds, Text, Texts
from streams.decode.decoder import Decoder
from streams.decode.fetch.fetcher import Fetcher
from streams.decode.media.decoded import DecodedSegment, MediaInfo
from streams.engine.record import Output, Record
from streams.errors import RecordError, TransientError, UnprocessableError

if TYPE_CHECKING:
    from streams.engine.app import Context

_POST_ITSELF = -1
"""Medium of the words that are not in a medium."""
_FIRST_PAUSE_S = 0.5


def create(context: "Context") -> None:
    """Register the stage."""
    settings = context.settings.media
    fetcher, decoder, voice = Fetcher(settings), Decoder(settings), context.settings.voice
    ocr = context.settings.ocr
    media = MediaAccess(fetcher, decoder, settings.max_media, settings.processing_s, voice, read_on_screen=ocr)

    @context.stage("decode", reads="posts")
    async def decode(post: Post, record: Record) -> AsyncIterator[Output]:
        async with aclosing(decode_post(post, record, media)) as outputs:
            async for output in outputs:
                yield output


@dataclass(frozen=True, slots=True)
class MediaAccess:
    """How to get at a post's media."""

    fetcher: Fetcher
    decoder: Decoder
    max_media: int
    """Of one post; further ones are refused."""
    processing_s: float = 0.0
    """How long after a post was seen a medium may be missing that its platform still processes."""
    voice: bool = False
    """Whether somebody describes the voices in its sound."""
    read_on_screen: bool = False
    """Whether the screen stage writes a record on texts for each record on frames."""

    async def fetch(self, url: str, seen_at: datetime, files: AsyncExitStack) -> Path:
        """Fetch a medium, which `files` then holds; raises as Fetcher.fetch does, after waiting for one to come."""
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


@dataclass(frozen=True, slots=True)
class _OpenMedium:
    """A medium that was fetched and scanned."""

    index: int
    path: Path
    info: MediaInfo
    spans: list[tuple[float, float]]
    """Start and duration of each segment, seconds."""


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why one medium is not decoded, or not in full."""

    medium: int
    error: RecordError


async def decode_post(post: Post, record: Record, media: MediaAccess) -> AsyncGenerator[Output]:
    """Yield the post's words, then every medium segment by segment; exactly as many records as `parts` says.

    Raises
    ------
    UnprocessableError
        After all outputs, if a medium could not be fetched or decoded in full.
    TransientError
        Before the first output if a medium cannot be fetched now; on the last attempt after all outputs.
    """
    async with AsyncExitStack() as files:
        opened, failures = await _open_all(post, media, files)
        if not record.last_attempt:
            _raise_transient(failures)
        outputs = _PostOutputs(post, opened, voice=media.voice, read_on_screen=media.read_on_screen)
        for output in outputs.texts(opened):
            yield output
        for medium in opened:
            async with aclosing(_whole(medium, media.decoder, failures)) as segments:
                async for segment in segments:
                    for output in outputs.segment(medium, segment, media.decoder.sound_rate_hz):
                        yield output
    if failures:
        raise _summary(failures)


async def _open_all(post: Post, media: MediaAccess, files: AsyncExitStack) -> tuple[list[_OpenMedium], list[_Failure]]:
    """Fetch and scan all media of a post at once; `files` holds them until it is closed."""

    async def open_medium(index: int, url: str) -> _OpenMedium | _Failure:
        try:
            path = await media.fetch(url, post.seen_at, files)
            info = await media.decoder.scan(path)
        except RecordError as error:
            return _Failure(index, error)
        return _OpenMedium(index, path, info, media.decoder.spans(info))

    urls = [medium.url for medium in post.media]
    async with asyncio.TaskGroup() as tasks:
        opening = [tasks.create_task(open_medium(i, url)) for i, url in enumerate(urls[: media.max_media])]
    outcomes = [task.result() for task in opening]
    failures = [outcome for outcome in outcomes if isinstance(outcome, _Failure)]
    if len(urls) > media.max_media:
        detail = f"{len(urls)} media, {media.max_media} allowed"
        failures.append(_Failure(media.max_media, UnprocessableError("too_many_media", detail)))
    return [outcome for outcome in outcomes if isinstance(outcome, _OpenMedium)], failures


async def _whole(medium: _OpenMedium, decoder: Decoder, failures: list[_Failure]) -> AsyncGenerator[DecodedSegment]:
    """Yield every promised segment of a medium, empty where decoding had already died, and note why it died."""
    n_done = 0
    try:
        async with aclosing(decoder.segments(medium.path, medium.info)) as segments:
            async for segment in segments:
                yield segment
                n_done += 1
    except UnprocessableError as error:
        failures.append(_Failure(medium.index, error))
    for start_s, duration_s in medium.spans[n_done:]:
        yield DecodedSegment(start_s=start_s, duration_s=duration_s)


class _PostOutputs:
    """Numbers the records of one post."""

    def __init__(self, post: Post, opened: Sequence[_OpenMedium], *, voice: bool, read_on_screen: bool) -> None:
        self._post = post
        self._ref = post.ref()
        self._numbers: dict[Modality, count[int]] = {"visual": count(), "audio": count(), "text": count()}
        n_sounds = sum(len(medium.spans) for medium in opened if medium.info.has_sound)
        n_frames = sum(len(medium.spans) for medium in opened if medium.info.has_picture)
        self._parts = Parts(
            visual=n_frames,
            audio=n_sounds,
            voice=n_sounds if voice else 0,
            # The screen stage's come last, numbered as the frames that it reads.
            text=1 + sum(bool(medium.info.subtitles) for medium in opened) + (n_frames if read_on_screen else 0),
        )

    def texts(self, opened: Sequence[_OpenMedium]) -> Iterator[Output]:
        """Yield the post's own words, even if it has none, then the subtitles of each medium that has some."""
        own = self._next("text", _POST_ITSELF)
        yield self._output("texts", "text", Texts(segment=own, texts=_own_words(self._post)))
        for medium in opened:
            if medium.info.subtitles:
                segment = self._next("text", medium.index)
                yield self._output("texts", "text", Texts(segment=segment, texts=medium.info.subtitles))

    def segment(self, medium: _OpenMedium, decoded: DecodedSegment, rate_hz: int) -> Iterator[Output]:
        """Yield the records of one decoded segment."""
        span = (decoded.start_s, decoded.duration_s)
        if medium.info.has_sound:
            sounds = Sounds(segment=self._next("audio", medium.index, *span), rate_hz=rate_hz, pcm=decoded.pcm)
            yield self._output("sounds", "audio", sounds)
        if medium.info.has_picture:
            segment = self._next("visual", medium.index, *span)
            frames = Frames(segment=segment, frames=decoded.frames, thumbnails=decoded.thumbnails)
            yield self._output("frames", "visual", frames)

    def _next(self, modality: Modality, medium: int, start_s: float = 0.0, duration_s: float = 0.0) -> Segment:
        return Segment(
            post=self._ref,
            parts=self._parts,
            segment=next(self._numbers[modality]),
            medium=medium,
            start_s=start_s,
            duration_s=duration_s,
        )

    def _output(self, topic: str, modality: Modality, message: Frames | Sounds | Texts) -> Output:
        """Key the record so that the segments of one post spread over partitions."""
        return Output(topic, f"{self._ref.post_id}/{modality}/{message.segment.segment}", message)


def _own_words(post: Post) -> list[Text]:
    """Return caption, tags and alternative texts, without the empty ones."""
    words = [("caption", post.caption), *(("tag", tag) for tag in post.tags), *(("alt", m.alt) for m in post.media)]
    return [Text(source=source, text=text) for source, text in words if text]


def _raise_transient(failures: Sequence[_Failure]) -> None:
    for failure in failures:
        if isinstance(failure.error, TransientError):
            raise failure.error


def _summary(failures: Sequence[_Failure]) -> RecordError:
    """Return one error for all: transient if any is, for then a redrive may help; otherwise the first one's reason."""
    first = min(failures, key=lambda failure: not isinstance(failure.error, TransientError)).error
    detail = "; ".join(
        f"medium {failure.medium}: {failure.error.reason}: {failure.error.detail}" for failure in failures
    )
    return type(first)(first.reason, detail)
