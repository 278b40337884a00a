"""Checks of the models: present, with the pinned checksum, loadable."""

import asyncio
from collections.abc import Iterable, Iterator

from models.manifest import Kind, ModelError, default_cache
from models.registry import Registry
from schemas.messages import Choice
from streams.doctor.finding import Finding, ok, warn, wrong
from streams.errors import UsageError
from streams.live_models.deployments import read_history
from streams.live_models.selection import create_registry, default_choice
from streams.settings import Settings

KINDS: tuple[Kind, ...] = ("visual", "audio", "text", "fusion")
_REMEDY = "reinstall the packages, or choose another in models/manifest.toml"


def models(settings: Settings, kinds: Iterable[Kind], live: Choice | None = None) -> Iterator[Finding]:
    """Check that the settings' models and the live ones can be used on this machine."""
    registry = create_registry(settings)
    for kind in kinds:
        # A worker loads the settings' model first, then the live one.
        names = [getattr(settings, f"{kind}_model"), *([getattr(live, kind)] if live else [])]
        try:
            entries = {registry.entry(kind, name).full_name for name in names}
        except ModelError as error:
            yield wrong(f"{kind} model", str(error), _REMEDY)
            continue
        yield from (_loaded(registry, kind, name, settings) for name in sorted(entries))


def live_choice(settings: Settings) -> Choice | None:
    """Return the live choice, None if it cannot be read."""
    try:
        start = default_choice(create_registry(settings), settings)
        return asyncio.run(read_history(settings, start)).live
    except (UsageError, ModelError):
        return None  # reported by other checks


def _loaded(registry: Registry, kind: Kind, name: str, settings: Settings) -> Finding:
    entry, check = registry.entry(kind, name), f"{kind} model"
    cache = settings.model_cache_dir or default_cache()
    if entry.origin == "export" and not (cache / entry.cached_name).exists():
        return warn(check, f"{name} is not in {cache} yet", "the first worker exports it, which takes a minute")
    try:
        getattr(registry, kind)(name)
    except ModelError as error:
        return wrong(check, str(error), _REMEDY)
    return ok(check, f"{name} has the pinned checksum and loads")
