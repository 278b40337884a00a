"""sounds -> descriptors: whose voice it may be, where JIKIMI_VOICE asks for it.

No stage of its own: it reads what the audio stage reads, which calls it. So a deployment without it has no group, pod,
panel or alert for what is not there, and one with it reads every sound once.
"""

import asyncio

import numpy as np

from models.registry import Registry
from models.voice.model import VoiceModel
from schemas.messages import Sounds
from streams.description import descriptor_key, descriptors, observed
from streams.errors import UnprocessableError
from streams.settings import Settings
from streams.stage.record import Output


class VoiceListener:
    """Describes the segments that promise a voice.

    Raises
    ------
    ModelError
        The setting is on and the model cannot be had.
    """

    def __init__(self, settings: Settings, models: Registry) -> None:
        self._model = models.voice() if settings.voice else None

    async def listen(self, message: Sounds) -> list[Output]:
        """Return the voice's descriptors; nothing where the setting is off here, or was off where it was decoded."""
        if self._model is None or not message.segment.parts.voice:
            return []
        return [await asyncio.to_thread(describe_voice, self._model, message)]


def describe_voice(model: VoiceModel, message: Sounds) -> Output:
    """Return the descriptors of the voices in one segment.

    Raises
    ------
    UnprocessableError
        These are not samples that the model takes.
    """
    if message.rate_hz != model.rate_hz or len(message.pcm) % 2:
        raise UnprocessableError("sound_unreadable", f"{model.name} wants 16-bit samples at {model.rate_hz} Hz")
    heard = observed("voice", model.describe, lambda heard: len(heard.vectors))(np.frombuffer(message.pcm, "<i2"))
    times_s = (heard.times_s + message.segment.start_s).tolist()
    found = descriptors(message.segment, "voice", model, heard.vectors, times_s)
    return Output("descriptors", descriptor_key(message.segment, "voice"), found)
