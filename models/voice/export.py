"""Export of Resemblyzer's voice encoder as an ONNX graph, from the weights in its package.

``python -m models.voice.export FILE`` takes the package's wheel, or pretrained.pt out of it, writes the graph to the
model cache and prints its sha256. The registry does the same at first use if the package is installed. The package
depends on PyTorch, which nothing here needs, so it is fetched or installed without its dependencies:

    pip download --no-deps resemblyzer==0.1.4
    python -m models.voice.export Resemblyzer-0.1.4-py3-none-any.whl

Wan et al. 2018, "Generalized End-to-End Loss for Speaker Verification": three LSTM layers over the mel spectrogram of
1.6 s, the last state through a linear layer and a ReLU onto the unit sphere.
"""

import argparse
import hashlib
import importlib.util
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.graph import Graph
from models.manifest import MANIFEST, ModelError, default_cache, read_manifest, write_atomically
from models.voice.weights import read_tensors

N_FRAMES = 160
"""Frames of 10 ms in one window, which has one embedding."""
N_BANDS = 40
DIMENSIONS = 256
_HIDDEN = 256
_N_LAYERS = 3
_WEIGHTS_SHA256 = "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e"
_PATH_IN_WHEEL = "resemblyzer/pretrained.pt"
_REMEDY = (
    "pip download --no-deps resemblyzer==0.1.4, then "
    "python -m models.voice.export Resemblyzer-0.1.4-py3-none-any.whl (PyTorch, its dependency, is not needed)"
)

Weights = Mapping[str, npt.NDArray[np.float32]]


def export() -> bytes:
    """Return the ONNX file from the installed package.

    Raises
    ------
    ModelError
        The package is not installed, or holds other weights than the pinned ones.
    """
    spec = importlib.util.find_spec("resemblyzer")
    if spec is None or spec.origin is None:
        raise ModelError(f"the voice model's weights are missing: {_REMEDY}")
    return export_from(Path(spec.origin).with_name("pretrained.pt"))


def export_from(file: Path) -> bytes:
    """Return the ONNX file: mel float32 (windows, 160, 40) -> embedding float32 (windows, 256), rows of length 1.

    Parameters
    ----------
    file
        The package's wheel, or pretrained.pt.

    Raises
    ------
    ModelError
        The file is missing or not the pinned one.
    """
    content = _weights(file)
    found = hashlib.sha256(content).hexdigest()
    if found != _WEIGHTS_SHA256:  # before the pickle is read
        raise ModelError(f"{file}: the weights have sha256 {found}, not {_WEIGHTS_SHA256}: refused")
    return graph_of(read_tensors(content))


def _weights(file: Path) -> bytes:
    try:
        if not zipfile.is_zipfile(file):
            return file.read_bytes()
        with zipfile.ZipFile(file) as wheel:
            return wheel.read(_PATH_IN_WHEEL)
    except (OSError, KeyError, zipfile.BadZipFile) as exc:
        raise ModelError(f"{file}: no weights of the voice model: {exc}; {_REMEDY}") from exc


def graph_of(weights: Weights) -> bytes:
    """Return the ONNX file of these weights, which have PyTorch's names."""
    graph = Graph("resemblyzer")
    graph.input("mel", np.float32, ("windows", N_FRAMES, N_BANDS))
    state = graph.add("Transpose", "mel", perm=[1, 0, 2])
    for layer in range(_N_LAYERS):
        state, last = _lstm(graph, weights, layer, state)
    hidden = graph.add("Squeeze", last, graph.constant(np.array([0])))
    voice = graph.add("Relu", graph.linear(hidden, weights["linear.weight"].T, weights["linear.bias"]))
    graph.add("LpNormalization", voice, axis=1, p=2, output="embedding")
    graph.output("embedding", np.float32, ("windows", DIMENSIONS))
    return graph.serialise()


def _lstm(graph: Graph, weights: Weights, layer: int, inputs: str) -> tuple[str, str]:
    """Add a layer; return all its states (frames, windows, 256) and the last one (1, windows, 256)."""
    kernel, recurrence = (_gates(weights[f"lstm.weight_{part}_l{layer}"]) for part in ("ih", "hh"))
    bias = np.concatenate([_gates(weights[f"lstm.bias_{part}_l{layer}"]) for part in ("ih", "hh")])
    constants = [graph.constant(array[None]) for array in (kernel, recurrence, bias)]
    states, last = graph.add_many("LSTM", 2, inputs, *constants, hidden_size=_HIDDEN)
    return graph.add("Squeeze", states, graph.constant(np.array([1]))), last


def _gates(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return PyTorch's gates, input, forget, cell, output, in the order of ONNX: input, output, forget, cell."""
    entry, forget, cell, output = np.split(rows, 4)
    return np.concatenate([entry, output, forget, cell])


def main() -> int:
    """Export from the file named on the command line, or the installed package, into the model cache."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path)
    given = parser.parse_args()
    entry = next(entry for entry in read_manifest(MANIFEST) if entry.module == "models.voice.export")
    try:
        graph = export() if given.file is None else export_from(given.file)
        path = default_cache() / entry.cached_name
        write_atomically(path, graph)
    except (ModelError, OSError) as exc:
        sys.stderr.write(f"{exc}\n")
        return 2
    sys.stdout.write(f"{path}\nsha256 {hashlib.sha256(graph).hexdigest()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
