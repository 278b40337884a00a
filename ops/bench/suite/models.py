"""The default models, loaded once."""

from functools import cache

from models.registry import Registry
from streams.evaluation.described import Models


@cache
def load_models() -> Models:
    """Return the default models on the CPU."""
    registry = Registry(provider="CPUExecutionProvider")
    return Models(registry.visual(), registry.audio(), registry.text())
