"""sounds -> descriptors: fingerprint the sound, so that a copy is heard under other pictures too."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np

from schemas.messages import Sounds
from streams.app import Context
from streams.description import descriptor_key, descriptors
from streams.errors import UnprocessableError
from streams.stage.record import Output, Record


def create(context: Context) -> None:
    """Attach the stage to the context's app."""
    model = context.models.audio(context.settings.audio_model)

    @context.stage("audio", reads="sounds")
    async def describe_sounds(message: Sounds, record: Record) -> AsyncIterator[Output]:  # noqa: ARG001 - a handler's signature
        if message.rate_hz != model.rate_hz or len(message.pcm) % 2:
            raise UnprocessableError("sound_unreadable", f"{model.name} wants 16-bit samples at {model.rate_hz} Hz")
        heard = await asyncio.to_thread(model.describe, np.frombuffer(message.pcm, "<i2"))
        times_s = (heard.times_s + message.segment.start_s).tolist()
        described = descriptors(message.segment, "audio", model, heard.vectors, times_s)
        yield Output("descriptors", descriptor_key(message.segment, "audio"), described)
