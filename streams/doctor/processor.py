"""Check of the processor that models run on."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnxruntime as ort

from models.audio.model import LEAST_SAMPLES
from models.manifest import Kind, ModelError
from models.registry import Registry
from models.session import CUDA, Placement, placement
from streams.doctor.finding import Finding, ok, warn, wrong
from streams.live_models.selection import create_registry
from streams.settings import Settings

_CHECK = "processor"
_EXTRA = 'install the extra "gpu", then pip uninstall onnxruntime and reinstall onnxruntime-gpu (README)'
_LIBRARIES = "pip install 'onnxruntime-gpu[cuda,cudnn]' brings CUDA and cuDNN; the driver is the system's"


def _run_visual(registry: Registry, name: str | None) -> None:
    side_px = registry.entry("visual", name).side_px
    registry.visual(name).embed(np.zeros((1, side_px, side_px, 3), np.uint8))


_RUNS: Mapping[Kind, Callable[[Registry, str | None], object]] = {
    "visual": _run_visual,
    "audio": lambda registry, name: registry.audio(name).describe(np.zeros(LEAST_SAMPLES, np.int16)),
    "text": lambda registry, name: registry.text(name).describe(["a text"]),
}
"""One run of each model that a GPU is for; fusion is small."""


def processors(settings: Settings, kinds: Iterable[Kind]) -> Iterator[Finding]:
    """Check that models run on the GPU if there is one, and which operators of each the CPU has to run."""
    if CUDA in ort.get_available_providers() and settings.provider != "cpu":
        yield from (_on_cuda(settings, kind) for kind in kinds if kind in _RUNS)
    else:
        yield _on_cpu(settings)


def placement_of(registry: Registry, kind: Kind, name: str | None) -> Placement:
    """Return which processor the operators of a model run on, by one run of it.

    Parameters
    ----------
    registry
        One with a folder for profiles.

    Raises
    ------
    ModelError
        The model cannot be loaded, or not on the registry's provider.
    """
    _RUNS[kind](registry, name)
    return placement(registry.end_profiles())


def _on_cuda(settings: Settings, kind: Kind) -> Finding:
    name = getattr(settings, f"{kind}_model")
    with TemporaryDirectory() as folder:
        registry = create_registry(settings.model_copy(update={"provider": "cuda"}), Path(folder))
        try:
            found = placement_of(registry, kind, name)
        except ModelError as error:
            return wrong(_CHECK, f"the {kind} model does not run on CUDA: {error}", _LIBRARIES)
    left = f"; of {found.n_operators} operators the CPU runs {', '.join(found.on_cpu)}" if found.on_cpu else ""
    return ok(_CHECK, f"CUDA for the {kind} model, by ONNX Runtime {ort.__version__}{left}")


def _on_cpu(settings: Settings) -> Finding:
    if settings.provider == "cuda":
        return wrong(_CHECK, "JIKIMI_PROVIDER is cuda, which ONNX Runtime has not", _EXTRA)
    if settings.provider == "auto" and _installed("onnxruntime-gpu"):
        reason, remedy = "CUDA or cuDNN is missing", _LIBRARIES
        if _installed("onnxruntime"):
            reason = "onnxruntime overwrote it"
            remedy = "pip uninstall onnxruntime, then pip install --force-reinstall --no-deps onnxruntime-gpu"
        return wrong(_CHECK, f"onnxruntime-gpu is installed but not in use: {reason}", remedy)
    if settings.provider == "auto" and Path("/dev/nvidia0").exists():
        return warn(_CHECK, "the CPU, though this machine has an NVIDIA GPU", _EXTRA)
    return ok(_CHECK, f"the CPU, by ONNX Runtime {ort.__version__}")


def _installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True
