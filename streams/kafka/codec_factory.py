"""Codec of the settings."""

from schemas.codec import Codec
from streams.settings import Settings


def create_codec(settings: Settings) -> Codec:
    """Return a codec that uses the schema registry, or none where none is set."""
    if not (url := settings.schema_registry_url):
        return Codec()
    from schemas.registry import SchemaRegistry  # noqa: PLC0415 - slow to import, and few deployments have one

    return Codec(SchemaRegistry(url, prefix=settings.topic_prefix))
