"""Network of the open descriptor as an ONNX graph, built from trained weights.

EfficientNet-Lite0 (Tan and Le 2019, without squeeze-and-excitation, ReLU6), generalised mean over places, a linear map.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.graph import Graph

Array = npt.NDArray[np.float32]

DIMENSIONS = 512
FEATURES = 1280
STEM = 32
EPSILON = 1e-3
LEAST = 1e-4
"""Least feature before its power."""
MEAN, DEVIATION = 127 / 255, 128 / 255
"""Of pixels, as shares of 255, as the trunk was trained."""
_LEAST_SCALE = 1e-12


class Block(NamedTuple):
    """Shape of an inverted residual."""

    kernel: int
    stride: int
    expansion: int
    n_out: int


BLOCKS = tuple(
    Block(kernel, stride if number == 0 else 1, expansion, n_out)
    for kernel, stride, expansion, n_out, n_blocks in (
        (3, 1, 1, 16, 1),
        (3, 2, 6, 24, 2),
        (5, 2, 6, 40, 2),
        (3, 2, 6, 80, 3),
        (5, 1, 6, 112, 3),
        (5, 2, 6, 192, 4),
        (3, 1, 6, 320, 1),
    )
    for number in range(n_blocks)
)


def padding(kernel: int, stride: int) -> tuple[int, int, int, int]:
    """Return zeros left, right, above, below: as TensorFlow pads sides that the stride divides."""
    total = max(0, kernel - stride)
    return total // 2, total - total // 2, total // 2, total - total // 2


Weights = Mapping[str, npt.NDArray[np.floating]]
"""By the names of models/visual/training/network.py."""


def export(weights: Weights) -> bytes:
    """Return the ONNX file: image uint8 (batch, height, width, 3) -> embedding float32 (batch, 512).

    Normalisations are folded into the convolutions. Kernels of one pixel and the linear map are stored as bytes with a
    scale for each output channel, the others as float16; all are converted when the file is loaded, so the arithmetic
    is in float32.
    """
    graph = Graph("open-copy-descriptor")
    graph.input("image", np.uint8, ("batch", "height", "width", 3))
    planes = graph.add("Transpose", graph.cast("image", np.float32), perm=[0, 3, 1, 2])
    centred = graph.add("Sub", planes, graph.constant(_planes(MEAN)))
    planes = graph.add("Div", centred, graph.constant(_planes(DEVIATION)))
    layers = _Layers(graph, weights)
    planes = _limited(graph, layers.convolved(planes, "stem", stride=2))
    for index, block in enumerate(BLOCKS):
        planes = layers.block(planes, f"blocks.{index}", block)
    places = _limited(graph, layers.convolved(planes, "head"), least=LEAST)
    graph.add("LpNormalization", _described(graph, places, weights), axis=1, p=2, output="embedding")
    graph.output("embedding", np.float32, ("batch", DIMENSIONS))
    return graph.serialise()


class _Layers:
    """Layers of a graph with their weights."""

    def __init__(self, graph: Graph, weights: Weights) -> None:
        self._graph, self._weights = graph, weights

    def block(self, planes: str, name: str, block: Block) -> str:
        wide = planes
        if block.expansion > 1:
            wide = _limited(self._graph, self.convolved(planes, f"{name}.expand"))
        filtered = self.convolved(wide, f"{name}.depthwise", stride=block.stride)
        out = self.convolved(_limited(self._graph, filtered), f"{name}.project")
        n_in = self._weights[f"{name}.{'expand' if block.expansion > 1 else 'project'}.1.weight"].shape[1]
        return self._graph.add("Add", planes, out) if block.stride == 1 and n_in == block.n_out else out

    def convolved(self, planes: str, name: str, stride: int = 1) -> str:
        """Return a convolution with its normalisation; one of single channels is of each channel alone."""
        gain = self._weights[f"{name}.2.weight"] / np.sqrt(self._weights[f"{name}.2.running_var"] + EPSILON)
        bias = self._weights[f"{name}.2.bias"] - self._weights[f"{name}.2.running_mean"] * gain
        kernel = self._weights[f"{name}.1.weight"] * gain.reshape(-1, 1, 1, 1)
        n_out, n_in, size, _ = kernel.shape
        left, right, above, below = padding(size, stride)
        return self._graph.add(
            "Conv",
            planes,
            _stored(self._graph, kernel),
            self._graph.constant(bias.astype(np.float32)),
            group=n_out if n_in == 1 else 1,
            kernel_shape=[size, size],
            pads=[above, left, below, right],
            strides=[stride, stride],
        )


def _described(graph: Graph, places: str, weights: Weights) -> str:
    """Return the linear map of the generalised mean over places."""
    power = float(weights["power"])
    raised = graph.add("Pow", places, graph.constant(np.array(power, np.float32)))
    mean = graph.add("ReduceMean", raised, axes=[2, 3], keepdims=0)
    pooled = graph.add("Pow", mean, graph.constant(np.array(1 / power, np.float32)))
    matrix = graph.add("Transpose", _stored(graph, weights["linear.weight"]), perm=[1, 0])
    bias = graph.constant(weights["linear.bias"].astype(np.float32))
    return graph.add("Add", graph.add("MatMul", pooled, matrix), bias)


def _limited(graph: Graph, planes: str, least: float = 0.0) -> str:
    """Return ReLU6."""
    bounds = (graph.constant(np.array(bound, np.float32)) for bound in (least, 6.0))
    return graph.add("Clip", planes, *bounds)


def _stored(graph: Graph, kernel: npt.NDArray[np.floating]) -> str:
    if kernel.ndim > 2 and kernel.shape[2] > 1:  # noqa: PLR2004 - few values in all, and the most sensitive ones
        return graph.cast(graph.constant(kernel.astype(np.float16)), np.float32)
    scale = np.abs(kernel).reshape(len(kernel), -1).max(axis=1) / 127
    scale = np.maximum(scale, _LEAST_SCALE).reshape(-1, *[1] * (kernel.ndim - 1))
    stored = graph.cast(graph.constant(np.round(kernel / scale).astype(np.int8)), np.float32)
    return graph.add("Mul", stored, graph.constant(scale.astype(np.float32)))


def _planes(share: float) -> Array:
    return np.full((1, 3, 1, 1), 255 * share, np.float32)
