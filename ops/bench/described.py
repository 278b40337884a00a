"""Sets described by the default models, for benches: with the cache of `jikimi evaluate`, and as it describes them."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from schemas.messages import Descriptors, Reference
from streams.evaluation.described import Cache, Models, describe_references
from streams.evaluation.described_set import describe_background, describe_queries
from streams.evaluation.manifest import Manifest, Query
from streams.live_models.selection import create_registry, default_choice
from streams.settings import Settings, load_settings


class Describers(NamedTuple):
    """What describing a set takes."""

    settings: Settings
    models: Models
    cache: Cache


class DescribedSet(NamedTuple):
    """All of a set."""

    wanted: Sequence[tuple[str, Reference]]
    """Case and piece of each reference."""
    harmless: Sequence[tuple[str, Reference]]
    """Likewise, of the background."""
    uploads: Sequence[tuple[Query, Sequence[Descriptors]]]


def set_arguments(description: str | None) -> argparse.ArgumentParser:
    """Return the command line of a bench of a set: its manifest, and the folder of its cache."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--cache", type=Path)
    return parser


def default_describers(cache: Path | None) -> Describers:
    """Return the default models, and a cache in this folder if there is one."""
    settings = load_settings()
    registry = create_registry(settings)
    models = Models.of(registry, default_choice(registry, settings))
    return Describers(settings, models, Cache(cache, models, settings.media))


async def described_set(manifest: Manifest, given: Describers) -> DescribedSet:
    """Describe a set; raises as `jikimi evaluate` does."""
    wanted = await describe_references(*given, manifest.references)
    harmless = await describe_background(*given, manifest.background)
    uploads = [(query, found.descriptors) async for query, found in describe_queries(*given, manifest.queries)]
    return DescribedSet(wanted, harmless, uploads)
