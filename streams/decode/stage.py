"""posts -> frames, sounds, texts: fetch a post's media and cut them into segments of pictures, sound and text."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING

from schemas.messages import Post
from streams.decode.decoder import Decoder
from streams.decode.fetch.fetcher import Fetcher
from streams.decode.fetch.unnamed import sweep
from streams.decode.media_access import Failure, MediaAccess
from streams.decode.post_records import PostRecords
from streams.engine.record import Output, Record
from streams.errors import RecordError, TransientError, WorkerError

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
        settings.processing_s,
        voice=context.settings.voice,
        read_on_screen=context.settings.ocr,
    )

    @context.stage("decode", reads="posts")
    async def decode(post: Post, record: Record) -> AsyncIterator[Output]:
        async with aclosing(decode_post(post, record, media)) as outputs:
            async for output in outputs:
                yield output


async def decode_post(post: Post, record: Record, media: MediaAccess) -> AsyncGenerator[Output]:
    """Yield the post's own text, then every medium segment by segment; exactly as many records as `parts` counts.

    Raises
    ------
    UnprocessableError
        After all outputs, if a medium could not be fetched or decoded in full.
    TransientError
        Before the first output if a medium cannot be fetched now; on the last attempt after all outputs.
    """
    async with AsyncExitStack() as files:
        opened, failures = await media.open_all(post, files)
        errors = sorted((each.error for each in failures), key=lambda error: not isinstance(error, WorkerError))
        transient = next((error for error in errors if isinstance(error, TransientError)), None)
        if isinstance(transient, WorkerError) or (transient is not None and not record.last_attempt):
            raise transient
        records = PostRecords(post, opened, voice=media.voice, read_on_screen=media.read_on_screen)
        for output in records.texts():
            yield output
        for medium in opened:
            async with aclosing(media.segments(medium, failures)) as segments:
                async for segment in segments:
                    for output in records.segment(medium, segment, media.decoder.sound_rate_hz):
                        yield output
    if failures:
        raise _summary(failures)


def _summary(failures: Sequence[Failure]) -> RecordError:
    """Return one error for all: transient if any is, because then a redrive may help; else the first one's reason."""
    first = min(failures, key=lambda failure: not isinstance(failure.error, TransientError)).error
    detail = "; ".join(
        f"medium {failure.medium}: {failure.error.reason}: {failure.error.detail}" for failure in failures
    )
    return type(first)(first.reason, detail)
