"""posts, reuse -> frames, sounds, texts, reuse: fetch a post's media, cut them into segments of picture and sound."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from schemas.messages import Post
from streams.decode import second_look
from streams.decode.decoder import Decoder, post_sampling
from streams.decode.fetch.fetcher import Fetcher
from streams.decode.fetch.unnamed import sweep
from streams.decode.known_media import KnownMedia, medium_work
from streams.decode.media_access import Failure, MediaAccess, OpenMedium
from streams.decode.post_records import PostRecords
from streams.engine.record import Output, Record
from streams.errors import TransientError, UnprocessableError
from streams.reuse.reuse import inputs_of
from streams.sealing.media import MediaSeal

if TYPE_CHECKING:
    from streams.engine.context import Context


def create(context: "Context") -> None:
    """Register the stage."""
    settings = context.settings.media
    sweep(settings.temporary_folder)
    media = MediaAccess(
        Fetcher(settings),
        Decoder(settings),
        settings.max_media,
        settings.fetch_attempts,
        settings.processing_s,
        voice=context.settings.voice,
        read_on_screen=context.settings.ocr,
    )

    seal = context.shared.media_seal
    second_look.create(context, media, seal)
    inputs = inputs_of(context, "decode")
    known = KnownMedia(inputs, seal, post_sampling(settings)) if inputs else None

    @context.stage("decode", reads="posts")
    async def decode(post: Post, record: Record) -> AsyncIterator[Output]:
        async with aclosing(decode_sealed(post, record, media, seal, known)) as outputs:
            async for output in outputs:
                yield output


async def decode_sealed(
    post: Post, record: Record, media: MediaAccess, seal: MediaSeal, known: KnownMedia | None = None
) -> AsyncGenerator[Output]:
    """Yield the records of `decode_post` with their media sealed, as they go to the broker; raises as it does."""
    async with aclosing(decode_post(post, record, media, known)) as outputs:
        async for topic, key, message in outputs:
            assert message is not None
            yield Output(topic, key, await asyncio.to_thread(seal.sealed, message))


async def decode_post(
    post: Post,
    record: Record,  # noqa: ARG001 - a handler's signature
    media: MediaAccess,
    known: KnownMedia | None = None,
) -> AsyncGenerator[Output]:
    """Yield the post's own text before anything is fetched, then every medium segment by segment.

    The records are exactly as many as the final `parts` count, beside those on known media.

    Raises
    ------
    UnprocessableError
        After all outputs, if a medium could not be fetched or decoded in full.
    """
    failures: list[Failure] = []
    records = PostRecords(post, voice=media.voice, read_on_screen=media.read_on_screen)
    yield records.own_text()
    if post.media:
        async with aclosing(media.waves(post, failures)) as waves:
            async for wave in waves:
                records.add(wave.opened, last=wave.is_last)
                if wave.is_last and not wave.opened:
                    yield records.own_text()  # again, with the final parts, which no other record would have
                for output in records.subtitles(wave.opened):
                    yield output
                for medium in wave.opened:
                    async with aclosing(_medium(medium, records, media, failures, known)) as outputs:
                        async for output in outputs:
                            yield output
    if failures:
        raise _summary(failures)


async def _medium(
    medium: OpenMedium,
    records: PostRecords,
    media: MediaAccess,
    failures: list[Failure],
    known: KnownMedia | None,
) -> AsyncGenerator[Output]:
    """Yield the records of a medium's segments, then where they lie, unless it failed."""
    async with medium_work(medium, media, failures, known) as work, aclosing(work.segments()) as segments:
        async for span, segment in segments:
            for output in records.segment(medium, span, segment, media.decoder.sound_rate_hz):
                yield output
                work.work.note()
        for output in work.remembered():
            yield output


def _summary(failures: Sequence[Failure]) -> UnprocessableError:
    """Return one error for all, with the reason of one that a redrive may mend if there is one, else of the first."""
    first = min(failures, key=lambda failure: not isinstance(failure.error, TransientError)).error
    detail = "; ".join(
        f"medium {failure.medium}: {failure.error.reason}: {failure.error.detail}"
        for failure in sorted(failures, key=lambda failure: failure.medium)
    )
    return UnprocessableError(first.reason, detail)
