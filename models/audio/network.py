"""Network of the fingerprint as an ONNX graph, built from trained weights.

After Chang et al. 2021, "Neural Audio Fingerprint for High-Specific Audio Retrieval Based on Contrastive Learning",
with two changes: the convolutions run once over the whole sound and a window takes ten of their steps, so that
overlapping windows share their work; and the bands are logarithmic, so that a change of pitch is a shift.
"""

from typing import TypedDict

import numpy as np
import numpy.typing as npt

from models.audio.spectrum import FRAME, LEAST_POWER, SPECTRUM, band_matrix, window
from models.graph import Graph

Array = npt.NDArray[np.float32]

KERNELS = ((4, 4), (3, 3), (3, 3), (1, 3), (1, 3))
"""Size of each convolution's kernel: frames, bands."""
STRIDES = ((2, 2), (2, 2), (2, 2), (1, 2), (1, 2))
PADS = ((1, 1, 1, 1), (0, 1, 1, 1), (0, 1, 1, 1), (0, 0, 0, 1), (0, 1, 0, 1))
"""Zeros before in frames and bands, then after; independent of the length, otherwise windows would shift with it."""
CHANNELS = (32, 64, 96, 128, 160)
STEP_FRAMES = 8
"""Frames from one step of the last convolution to the next, and so between windows: 0.256 s."""
WINDOW_STEPS = 10
DIMENSIONS = 128
HOP = STEP_FRAMES * FRAME
"""Samples between windows."""
WINDOW = WINDOW_STEPS * HOP
"""Samples of a window, and the fewest that the graph takes: 2.56 s."""
AROUND_FRAMES = 65
"""Frames, two seconds, whose mean loudness normalises the frame in their middle."""
FLOOR = 1e-3
"""Floor relative to that loudness: power 30 dB below it does not count."""
OFFSET = 1.5
EPSILON = 1e-5


class Convolution(TypedDict):
    """One layer: a convolution, then a normalisation over its channels."""

    kernel: Array
    """(frames, bands, channels in, channels out)."""
    bias: Array
    gain: Array
    shift: Array


class Weights(TypedDict):
    """Trained weights."""

    convolutions: list[Convolution]
    projection: Array
    """(steps x bands x channels, 128)."""
    bias: Array


def export(weights: Weights) -> bytes:
    """Return the ONNX file: energy (1, spectra, 513) -> vectors (windows, 128), level_db and activity (windows,).

    The spectra are taken outside of it: those of ONNX Runtime take several times as long as numpy's.

    Weights are stored as float16: half the file, and cosines change by less than 0.001.
    """
    graph = Graph("neural-audio-fingerprint")
    graph.input("energy", np.float32, (1, "spectra", SPECTRUM // 2 + 1))
    power = _power(graph)
    hidden = graph.add("Unsqueeze", _normalised(graph, power), _integers(graph, 1))
    for layer, strides, pads in zip(weights["convolutions"], STRIDES, PADS, strict=True):
        hidden = _convolved(graph, hidden, layer, list(strides), list(pads))
    kernel = weights["projection"].reshape(WINDOW_STEPS, -1, CHANNELS[-1], DIMENSIONS).transpose(3, 2, 0, 1)
    projected = graph.add("Conv", hidden, _half(graph, kernel), _half(graph, weights["bias"]))
    rows = graph.add("Transpose", graph.add("Squeeze", projected, _integers(graph, 0, 3)), perm=[1, 0])
    graph.add("LpNormalization", rows, axis=1, p=2, output="vectors")
    graph.output("vectors", np.float32, ("windows", DIMENSIONS))
    _level(graph, power)
    _activity(graph, power)
    return graph.serialise()


def _power(graph: Graph) -> str:
    """Power of each band in each frame: (1, frames, 106)."""
    fine = graph.add("MatMul", "energy", graph.constant(band_matrix()))
    pooled = _pooled(graph, fine, 2, 2)
    return graph.add("Add", pooled, _number(graph, LEAST_POWER))


def _normalised(graph: Graph, power: str) -> str:
    """Logarithm of the power, relative to the loudness of the two seconds around it: (1, frames, 106)."""
    loudness = graph.add("ReduceMean", power, axes=[2], keepdims=1)
    around = _pooled(graph, loudness, AROUND_FRAMES, pad=AROUND_FRAMES // 2)
    relative = graph.add("Div", power, graph.add("Add", around, _number(graph, LEAST_POWER)))
    logarithm = graph.add("Log", graph.add("Add", relative, _number(graph, FLOOR)))
    decades = graph.add("Mul", logarithm, _number(graph, 1 / np.log(10)))
    return graph.add("Add", decades, _number(graph, OFFSET))


def _convolved(graph: Graph, hidden: str, layer: Convolution, strides: list[int], pads: list[int]) -> str:
    kernel = _half(graph, layer["kernel"].transpose(3, 2, 0, 1))
    node = graph.add("Conv", hidden, kernel, _half(graph, layer["bias"]), strides=strides, pads=pads)
    centred = graph.add("Sub", node, graph.add("ReduceMean", node, axes=[1], keepdims=1))
    variance = graph.add("ReduceMean", graph.add("Mul", centred, centred), axes=[1], keepdims=1)
    deviation = graph.add("Sqrt", graph.add("Add", variance, _number(graph, EPSILON)))
    by_channel = (1, -1, 1, 1)
    gain, shift = (_half(graph, layer[name].reshape(by_channel)) for name in ("gain", "shift"))
    scaled = graph.add("Mul", graph.add("Div", centred, deviation), gain)
    return graph.add("Relu", graph.add("Add", scaled, shift))


def _level(graph: Graph, power: str) -> None:
    """Mean loudness under each window, 0 dB = full scale."""
    loudness = graph.add("ReduceMean", power, axes=[2], keepdims=1)
    mean = _pooled(graph, loudness, WINDOW_STEPS * STEP_FRAMES, STEP_FRAMES)
    flat = graph.add("Squeeze", mean, _integers(graph, 0, 2))
    full_scale = float(np.square(window()).sum())
    relative = graph.add("Div", flat, _number(graph, full_scale))
    graph.add("Mul", graph.add("Log", relative), _number(graph, 10 / np.log(10)), output="level_db")
    graph.output("level_db", np.float32, ("windows",))


def _activity(graph: Graph, power: str) -> None:
    """Root mean square change of the bands from step to step under each window, in decades."""
    steps = _pooled(graph, power, STEP_FRAMES, STEP_FRAMES)
    decades = graph.add("Mul", graph.add("Log", steps), _number(graph, 1 / np.log(10)))
    mean = _pooled(graph, decades, WINDOW_STEPS)
    squares = _pooled(graph, graph.add("Mul", decades, decades), WINDOW_STEPS)
    variance = graph.add("ReduceMean", graph.add("Sub", squares, graph.add("Mul", mean, mean)), axes=[0, 2], keepdims=0)
    graph.add("Sqrt", graph.add("Max", variance, _number(graph, 0.0)), output="activity")
    graph.output("activity", np.float32, ("windows",))


def _pooled(graph: Graph, tensor: str, size: int, stride: int = 1, pad: int = 0) -> str:
    """Average over the middle axis of (1, frames, bands); padding does not count."""
    turned = graph.add("Transpose", tensor, perm=[0, 2, 1])
    pads = [pad, pad]
    pooled = graph.add("AveragePool", turned, kernel_shape=[size], strides=[stride], pads=pads, count_include_pad=0)
    return graph.add("Transpose", pooled, perm=[0, 2, 1])


def _half(graph: Graph, array: Array) -> str:
    return graph.cast(graph.constant(array.astype(np.float16)), np.float32)


def _number(graph: Graph, value: float) -> str:
    return graph.constant(np.array(value, dtype=np.float32))


def _integers(graph: Graph, *values: int) -> str:
    return graph.constant(np.array(values))
