"""The codec as the settings ask for it."""

from schemas.codec import Codec
from schemas.registry import SchemaRegistry
from streams.settings import Settings


def create_codec(settings: Settings) -> Codec:
    """Return a codec that asks the schema registry, or needs none where none is set."""
    url = settings.schema_registry_url
    return Codec(SchemaRegistry(url, prefix=settings.topic_prefix) if url else None)
