"""Checks of the models: present, with the pinned checksum, loadable, and the processor they run on."""

import asyncio
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import onnxruntime as ort

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
_CUDA = "CUDAExecutionProvider"


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


def processors() -> Finding:
    """Check that models run on the GPU if there is one."""
    if _CUDA in ort.get_available_providers():
        return ok("processor", f"CUDA, by ONNX Runtime {ort.__version__}")
    if _installed("onnxruntime-gpu"):
        reason, remedy = "CUDA or cuDNN is missing", "install CUDA 12 and cuDNN 9"
        if _installed("onnxruntime"):
            reason = "onnxruntime overwrote it"
            remedy = "pip uninstall onnxruntime onnxruntime-gpu, then pip install --no-deps onnxruntime-gpu"
        return wrong("processor", f"onnxruntime-gpu is installed but not in use: {reason}", remedy)
    if Path("/dev/nvidia0").exists():
        return warn("processor", "the CPU, though this machine has an NVIDIA GPU", 'install the extra "gpu"')
    return ok("processor", f"the CPU, by ONNX Runtime {ort.__version__}")


def _installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True
