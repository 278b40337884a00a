"""sounds -> descriptors: describe the voices in the sound, if JIKIMI_VOICE is on.

No stage of its own: the audio stage calls it with the sounds that it reads. So a deployment without it has no unused
consumer group, pod, panel or alert, and one with it reads every sound once.
"""

import asyncio

from models.registry import Registry
from schemas.messages import Sounds
from streams.describe.descriptors import describe_sound
from streams.engine.record import Output
from streams.settings import Settings


class VoiceDescriber:
    """Describes the voices of segments that count one in `parts`.

    Raises
    ------
    ModelError
        The setting is on and the model is not available.
    """

    def __init__(self, settings: Settings, models: Registry) -> None:
        self._model = models.voice() if settings.voice else None

    async def describe(self, message: Sounds) -> list[Output]:
        """Return the voice's descriptors; none if the setting is off here, or was off in decode.

        Raises
        ------
        UnprocessableError
            The model does not take these samples.
        """
        if self._model is None or not message.segment.parts.voice:
            return []
        return [await asyncio.to_thread(describe_sound, "voice", self._model, message)]
