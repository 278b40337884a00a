"""Which models are live."""

from models.registry import Registry
from schemas.messages import Choice
from streams.settings import Settings


def create_registry(settings: Settings) -> Registry:
    """Return the models as the settings ask for them."""
    return Registry(cache=settings.model_cache_dir, extra=settings.manifest)


def default_choice(registry: Registry, settings: Settings) -> Choice:
    """Return what holds until something is promoted: the settings' models, each "name@version".

    Raises
    ------
    ModelError
        The manifest has no such model.
    """
    return Choice(
        visual=registry.entry("visual", settings.visual_model).full_name,
        audio=registry.entry("audio", settings.audio_model).full_name,
        text=registry.entry("text", settings.text_model).full_name,
        fusion=registry.entry("fusion", settings.fusion_model).full_name,
    )
