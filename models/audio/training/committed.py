"""Weights of the committed graph, to continue training from them."""

import numpy as np
import onnx
from onnx.numpy_helper import to_array

from models.audio.network import DIMENSIONS, KERNELS, Weights

_PER_LAYER = 4
"""Arrays of a convolution: kernel, bias, gain, shift."""


def weights_in(graph: bytes) -> Weights:
    """Return the weights of a graph that `models.audio.network.export` wrote, float16, which training widens."""
    arrays = map(to_array, onnx.load_from_string(graph).graph.initializer)
    halves = [array for array in arrays if array.dtype == np.float16]
    n_arrays = _PER_LAYER * len(KERNELS)
    layers = [halves[start : start + _PER_LAYER] for start in range(0, n_arrays, _PER_LAYER)]
    projection, bias = halves[n_arrays:]
    return {
        "convolutions": [
            {"kernel": kernel.transpose(2, 3, 1, 0), "bias": bias, "gain": gain.ravel(), "shift": shift.ravel()}
            for kernel, bias, gain, shift in layers
        ],
        "projection": projection.transpose(2, 3, 1, 0).reshape(-1, DIMENSIONS),
        "bias": bias,
    }
