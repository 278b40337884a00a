import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
import pytest

from models.graph import Graph
from models.manifest import default_cache, locate, verified_bytes
from models.registry import Registry
from models.visual.planes import planar


def scaled(*, mean: npt.NDArray[np.float32], also_read: bool = False) -> bytes:
    graph = Graph("scaled")
    graph.input("image", np.uint8, ("batch", 4, 3, 3))
    centred = graph.add("Sub", graph.cast("image", np.float32), graph.constant(mean))
    small = graph.add("Div", centred, graph.constant(np.array([58.0, 57.0, 59.0], np.float32)))
    turned = graph.add("Transpose", small, perm=[0, 3, 1, 2])
    graph.add("Relu", turned, output="embedding")
    graph.output("embedding", np.float32, ("batch", 3, 4, 3))
    if also_read:
        graph.add("Relu", centred, output="other")
        graph.output("other", np.float32, ("batch", 4, 3, 3))
    return graph.serialise()


def run(content: bytes, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
    found: npt.NDArray[np.float32] = session.run(["embedding"], {"image": pixels})[0]
    return found


def operators(content: bytes) -> list[str]:
    return [node.op_type for node in onnx.load_from_string(content).graph.node]


def test_pixels_are_turned_before_they_are_scaled_with_the_same_result() -> None:
    content = scaled(mean=np.array([123.7, 116.3, 103.5], np.float32))
    assert operators(planar(content)) == ["Transpose", "Cast", "Sub", "Div", "Relu"]
    pixels = np.random.default_rng(1).integers(0, 256, (2, 4, 3, 3), np.uint8)
    assert np.array_equal(run(planar(content), pixels), run(content, pixels))


@pytest.mark.parametrize(
    "content",
    [
        scaled(mean=np.ones((4, 3, 3), np.float32)),
        scaled(mean=np.array([123.7, 116.3, 103.5], np.float32), also_read=True),
        planar(scaled(mean=np.array([123.7, 116.3, 103.5], np.float32))),
    ],
    ids=["a number for each pixel", "numbers that another operator reads", "turned first"],
)
def test_other_graphs_stay_as_they_are(content: bytes) -> None:
    assert planar(content) == content


def test_the_shipped_model_has_the_results_of_its_file(registry: Registry) -> None:
    model, entry = registry.visual(), registry.entry("visual")
    content = verified_bytes(entry, locate(entry, default_cache()))
    assert operators(planar(content))[0] == "Transpose"
    pixels = np.random.default_rng(1).integers(0, 256, (2, entry.side_px, entry.side_px, 3), np.uint8)
    rows = run(content, pixels)
    assert np.abs(model.embed(pixels) - rows / np.linalg.norm(rows, axis=1, keepdims=True)).max() < 1e-6
