"""looks -> frames: decode stretches of media again, every frame of them, where fusion has found perhaps a copy."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from schemas.messages import Frames, Look, Medium, Post, shared_fields
from streams.decode.media.decoded import DecodedSegment
from streams.decode.media_access import Failure, MediaAccess, OpenMedium
from streams.engine.record import Output, Record
from streams.errors import UnprocessableError

if TYPE_CHECKING:
    from streams.engine.context import Context
    from streams.sealing.media import MediaSeal

EXPIRED = "expired"
"""Why a look is not taken that fusion no longer waits for."""


def create(context: "Context", media: MediaAccess, seal: "MediaSeal") -> None:
    """Attach the agent to the stage's app."""
    deadline_s = context.settings.fusion_deadline_s

    @context.stage("decode", reads="looks")
    async def look_again(look: Look, record: Record) -> AsyncIterator[Output]:  # noqa: ARG001 - a handler's signature
        answer = await answer_in_time(look, media, deadline_s)
        yield Output("frames", key_of(look), await asyncio.to_thread(seal.sealed, answer))


async def look_sealed(look: Look, record: Record, media: MediaAccess, seal: "MediaSeal") -> AsyncGenerator[Output]:  # noqa: ARG001 - a handler's signature
    """Yield the answer to a look, however old, with its media sealed; raises as `answer_to`."""
    yield Output("frames", key_of(look), await asyncio.to_thread(seal.sealed, await answer_to(look, media)))


async def answer_in_time(look: Look, media: MediaAccess, deadline_s: float) -> Frames:
    """Return the answer to a look; one without frames if fusion no longer waits for it."""
    age_s = (datetime.now(UTC) - look.asked_at).total_seconds()
    return gone(look, EXPIRED) if age_s > deadline_s else await answer_to(look, media)


async def answer_to(look: Look, media: MediaAccess) -> Frames:
    """Return the frames of a look's stretch, with the reason if they are not all or none.

    Raises
    ------
    WorkerError
        This worker cannot fetch or decode at all.
    """
    failures: list[Failure] = []
    async with aclosing(media.waves(_post(look), failures)) as waves:
        async for wave in waves:
            for medium in wave.opened:
                return await _decoded(look, medium, media, failures)
    return gone(look, failures[0].error.reason if failures else "link_gone")


def gone(look: Look, reason: str) -> Frames:
    """Return the answer that a stretch cannot be seen again."""
    return Frames(segment=look.segment, frames=[], look=look.number, gone=reason)


def key_of(look: Look) -> str:
    """Return the record key of an answer, which spreads a post's looks over partitions."""
    return f"{look.segment.post.post_id}/look/{look.number}"


async def _decoded(look: Look, medium: OpenMedium, media: MediaAccess, failures: list[Failure]) -> Frames:
    start_s = look.segment.start_s
    found = DecodedSegment(start_s=start_s, duration_s=look.segment.duration_s)
    reasons = [failure.error.reason for failure in failures]
    try:
        wanted = (start_s, start_s + look.segment.duration_s)
        async with aclosing(media.decoder.stretch(medium.path, medium.info, wanted)) as answers:
            async for found in answers:  # noqa: B007 - there is one, also before an error
                pass
    except UnprocessableError as error:
        reasons.append(error.reason)
    digests = [*medium.info.digests_of_post["visual"], found.digest]
    return Frames(
        segment=look.segment,
        frames=found.frames,
        thumbnails=found.thumbnails,
        look=look.number,
        motion=found.motion,
        gone=reasons[0] if reasons else "",
        digests=[digest for digest in digests if digest],
    )


def _post(look: Look) -> Post:
    """Return the post of a look with the one medium that is looked at."""
    return Post(**shared_fields(look.segment.post, Post), media=[Medium(url=look.segment.url)])
