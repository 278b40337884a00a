"""The models that describe references: the live ones, and earlier ones whose descriptors are still searched."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import structlog

from models.audio.model import AudioModel
from models.manifest import ModelError
from models.registry import Registry
from models.text.model import TextModel
from models.visual.model import VisualModel
from models.voice.model import VoiceModel
from schemas.messages import Choice

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Describers:
    """The models that describe posts now, and earlier ones whose descriptors are still searched."""

    visual: Sequence[VisualModel]
    audio: Sequence[AudioModel]
    text: Sequence[TextModel]
    voice: Sequence[VoiceModel] = ()

    @classmethod
    def of(cls, models: Registry, choices: Sequence[Choice], *, voice: bool = False) -> Self:
        """Return the models of these choices, the live one first, and the voice model if `voice` is set.

        Raises
        ------
        ModelError
            A live model is not available. A missing older one is skipped: it must not prevent opening a case.
        """
        return cls(
            _load(models.visual, [choice.visual for choice in choices]),
            _load(models.audio, [choice.audio for choice in choices]),
            _load(models.text, [choice.text for choice in choices]),
            [models.voice()] if voice else [],
        )


def _load[M](load: Callable[[str], M], names: Sequence[str]) -> list[M]:
    live, *older = dict.fromkeys(names)
    models = [load(live)]
    for name in older:
        try:
            models.append(load(name))
        except ModelError as error:
            log.warning("posts described by this model will not be searched", model=name, error=str(error))
    return models
