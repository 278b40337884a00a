"""sounds, reuse -> descriptors, reuse: fingerprint the sound, so that a copy is found under other pictures too."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import partial

import msgspec

from models.audio.model import AudioModel
from models.landmarks.peaks import NAME, VERSION
from schemas.ids import full_name
from schemas.messages import Descriptors, Sounds
from streams.describe.descriptors import describe_sound
from streams.describe.exact import exact_key
from streams.describe.known_segments import copied, described_once, input_of
from streams.describe.landmarks import landmarks_of
from streams.describe.voice import VoiceDescriber
from streams.engine.context import Context
from streams.engine.record import Output, Record
from streams.reuse.reuse import inputs_of

_EVERY = 2
"""Every second window describes a post, half a second apart: of a reference every one is kept, which is enough for both
(`ops.bench.sound_edits --hop 2`), and a post takes half the room in the archive and half the comparisons."""


def create(context: Context) -> None:
    """Attach the stage to the context's app."""
    describer = context.live_models.use("audio", lambda choice: context.models.audio(choice.audio))

    voices = VoiceDescriber(context.settings, context.models)
    seal = context.shared.media_seal
    key = exact_key(context.settings)
    inputs = inputs_of(context, "audio")

    @context.stage("audio", reads="sounds")
    async def describe(sealed: Sounds, record: Record) -> AsyncIterator[Output]:  # noqa: ARG001 - a handler's signature
        message = await asyncio.to_thread(seal.sounds, sealed)
        model = await describer.current()
        fresh = partial(asyncio.to_thread, describe_sounds, model, message, key)
        parts = input_of(message, full_name(model.name, model.version), full_name(NAME, VERSION))
        async with aclosing(described_once(inputs, parts, fresh, partial(copied, message, key))) as outputs:
            async for output in outputs:
                yield output
        for output in await voices.describe(message):
            yield output


def describe_sounds(model: AudioModel, message: Sounds, key: bytes | None = None) -> Output:
    """Return the descriptors of one segment's sound, with its landmarks.

    Raises
    ------
    UnprocessableError
        The model does not take these samples.
    """
    made = describe_sound("audio", model, message, key, every=_EVERY)
    assert isinstance(made.message, Descriptors)
    found = msgspec.structs.replace(made.message, landmarks=landmarks_of(message, message.rate_hz))
    return made._replace(message=found)
