"""The models: there, the pinned bytes, loaded, and on which processor they run."""

from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import onnxruntime as ort

from models.manifest import Kind, ModelError
from models.registry import Registry, default_cache
from streams.doctor.finding import Finding, ok, warn, wrong
from streams.settings import Settings

KINDS: tuple[Kind, ...] = ("visual", "audio", "text", "fusion")
_CUDA = "CUDAExecutionProvider"


def models(settings: Settings, kinds: Iterable[Kind]) -> Iterator[Finding]:
    """Yield whether the models that these settings choose can be used here."""
    registry = Registry(cache=settings.model_cache_dir)
    cache = settings.model_cache_dir or default_cache()
    for kind in kinds:
        name = getattr(settings, f"{kind}_model")
        check = f"{kind} model"
        try:
            entry = registry.entry(kind, name)
            if entry.origin == "export" and not (cache / entry.cached_name).exists():
                mend = "the first worker makes it there, which takes a minute"
                yield warn(check, f"{entry.name} {entry.version} is not in {cache} yet", mend)
                continue
            getattr(registry, kind)(name)
        except ModelError as error:
            yield wrong(check, str(error), "reinstall the packages, or choose another in models/manifest.toml")
        else:
            yield ok(check, f"{entry.name} {entry.version} is the pinned one and loads")


def processors() -> Finding:
    """Return whether models run on a GPU where there is one."""
    installed = {name for name in ("onnxruntime", "onnxruntime-gpu") if _installed(name)}
    has_gpu = Path("/dev/nvidia0").exists()
    if _CUDA in ort.get_available_providers():
        return ok("processor", f"CUDA, by ONNX Runtime {ort.__version__}")
    if "onnxruntime-gpu" in installed:
        both = "pip uninstall onnxruntime onnxruntime-gpu, then pip install --no-deps onnxruntime-gpu"
        said = "onnxruntime-gpu is installed but not in use: "
        why = "onnxruntime overwrote it" if "onnxruntime" in installed else "CUDA or cuDNN is missing"
        return wrong("processor", said + why, both if "onnxruntime" in installed else "install CUDA 12 and cuDNN 9")
    if has_gpu:
        return warn("processor", "the CPU, though this machine has an NVIDIA GPU", 'install the extra "gpu"')
    return ok("processor", f"the CPU, by ONNX Runtime {ort.__version__}")


def _installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True
