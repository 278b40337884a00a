"""Pictures a second through the visual model on a GPU and on the CPU, where there is a GPU."""

import time

import numpy as np
import numpy.typing as npt
import onnxruntime

from models.registry import Registry
from models.visual.model import VisualModel
from ops.bench.suite.section import Figures, Run, not_measured

_PROVIDERS = ("CUDAExecutionProvider", "TensorrtExecutionProvider")
_BATCH, _ROUNDS = 32, 20


def measure(run: Run) -> Figures:
    """Return the rates and their ratio."""
    found = [provider for provider in _PROVIDERS if provider in onnxruntime.get_available_providers()]
    if not found:
        return {"pictures_per_s": not_measured("ONNX Runtime has no GPU here")}
    registry = Registry(provider=found[0])
    random = np.random.default_rng(run.seed)
    side = registry.entry("visual", registry.visual().name).side_px
    pixels = random.integers(0, 256, (_BATCH, side, side, 3), np.uint8)
    on_gpu, on_cpu = (_rate(model, pixels) for model in (registry.visual(), Registry().visual()))
    return {"pictures_per_s": round(on_gpu), "cpu_pictures_per_s": round(on_cpu), "ratio": round(on_gpu / on_cpu, 1)}


def _rate(model: VisualModel, pixels: npt.NDArray[np.uint8]) -> float:
    model.embed(pixels)
    began_s = time.perf_counter()
    for _ in range(_ROUNDS):
        model.embed(pixels)
    return _ROUNDS * len(pixels) / (time.perf_counter() - began_s)
