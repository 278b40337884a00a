"""Descriptors of frames or sound that were described for an earlier post, copied for this one.

The input is known by the digest of its pictures or samples with their times, so a file in another container is known
too where its frames and samples are the same.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

import msgspec

from schemas.ids import record_id
from schemas.messages import Descriptors, Frames, Message, Sounds
from streams.describe.descriptors import descriptor_key
from streams.describe.exact import exact_digests
from streams.engine.record import Output
from streams.reuse.inputs import Inputs
from streams.reuse.reuse import work_on


def input_of(message: Frames | Sounds, *shapes: object) -> list[bytes] | None:
    """Return all that shapes what a stage makes of a segment; None for a second look, or without frames or sound.

    Parameters
    ----------
    shapes
        Models and settings.
    """
    if isinstance(message, Sounds):
        content = [message.pcm, msgspec.json.encode((message.rate_hz, message.lead_s, message.segment.start_s))]
        return [*map(_encoded, shapes), *content] if message.pcm else None
    if message.look or not message.frames:
        return None
    return [*map(_encoded, shapes), *(part for one in message.frames for part in (_encoded(one.time_s), one.jpeg))]


async def described_once(
    inputs: Inputs | None,
    parts: list[bytes] | None,
    describe: Callable[[], Awaitable[Output]],
    copy: Callable[[Message], Output],
) -> AsyncGenerator[Output]:
    """Yield the output of a stage for a segment: a copy where it is known, otherwise a new one with its position."""
    async with work_on(inputs, parts) as work:
        async with aclosing(work.known()) as known:
            found = [message async for message in known]
        yield copy(found[0]) if found else await describe()
        if not found:
            work.note()
            for output in work.remembered():
                yield output


def copied(message: Frames | Sounds, key: bytes | None, known: Message) -> Output:
    """Return the descriptors of a segment that equals one described before.

    Parameters
    ----------
    key
        That of the medium's digests, if these are wanted.
    """
    assert isinstance(known, Descriptors)
    segment, modality = message.segment, known.modality
    descriptor_id = record_id(
        "descriptors", segment.post.post_id, segment.segment, modality, known.model, known.version
    )
    found = msgspec.structs.replace(
        known,
        descriptor_id=descriptor_id,
        segment=segment,
        thumbnails=message.thumbnails if isinstance(message, Frames) else [],
        digests=exact_digests(message.digests, known.vectors, key),
    )
    return Output("descriptors", descriptor_key(segment, modality), found)


def _encoded(value: object) -> bytes:
    return msgspec.json.encode(value)
