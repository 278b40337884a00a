"""The default models, loaded once, and records described by them."""

from functools import cache

from models.registry import Registry
from models.session import CPU
from schemas.messages import Frames, Sounds, Texts
from streams.describe.audio import describe_sounds
from streams.describe.text import describe_texts
from streams.describe.visual import describe_frames
from streams.engine.record import Output
from streams.evaluation.described import NO_SECRET, Models


@cache
def load_models(provider: str = CPU) -> Models:
    """Return the default models on a provider; raises a `ModelError` if it cannot be used here."""
    registry = Registry(provider=provider)
    return Models(registry.visual(), registry.audio(), registry.text())


def describe(models: Models, record: object) -> Output:
    """Return the descriptors of frames, sounds or texts, in the calling thread."""
    if isinstance(record, Frames):
        return describe_frames(models.visual, record)
    if isinstance(record, Sounds):
        return describe_sounds(models.audio, record)
    assert isinstance(record, Texts)
    return describe_texts(models.text, record, NO_SECRET)
