"""sounds -> descriptors: whose voice it may be, where JIKIMI_VOICE asks for it.

No stage of its own: it reads what the audio stage reads, which calls it. So a deployment without it has no group, pod,
panel or alert for what is not there, and one with it reads every sound once.
"""

import asyncio

from models.registry import Registry
from schemas.messages import Sounds
from streams.describe.descriptors import describe_sound
from streams.engine.record import Output
from streams.settings import Settings


class VoiceDescriber:
    """Describes the segments that promise a voice.

    Raises
    ------
    ModelError
        The setting is on and the model cannot be had.
    """

    def __init__(self, settings: Settings, models: Registry) -> None:
        self._model = models.voice() if settings.voice else None

    async def listen(self, message: Sounds) -> list[Output]:
        """Return the voice's descriptors; nothing where the setting is off here, or was off where it was decoded.

        Raises
        ------
        UnprocessableError
            These are not samples that the model takes.
        """
        if self._model is None or not message.segment.parts.voice:
            return []
        return [await asyncio.to_thread(describe_sound, "voice", self._model, message)]
