"""Export of Meta's SSCD weights as the ONNX file that Jikimi runs.

``python -m models.visual.export sscd_disc_mixup.torchscript.pt`` needs PyTorch, which is not a dependency of Jikimi. It
writes the graph to the model cache and prints the sha256 line to put into a manifest of your own: the file's bytes
depend on your version of PyTorch, so they cannot be pinned here.
"""

import argparse
import hashlib
import importlib
import io
import sys
import types
from pathlib import Path

from models.manifest import MANIFEST, ModelError, default_cache, read_manifest, write_atomically

_NAME = "sscd-disc-mixup"
_MEAN = (0.485, 0.456, 0.406)
_DEVIATION = (0.229, 0.224, 0.225)


def export() -> bytes:
    """Raise an error with the command of the export; the registry calls this if the file is not in the cache.

    Raises
    ------
    ModelError
        Always: the operator must provide the weights.
    """
    raise ModelError(
        f"{_NAME}: not exported yet; with PyTorch and Meta's weights: "
        "python -m models.visual.export sscd_disc_mixup.torchscript.pt"
    )


def export_from(weights: Path) -> bytes:
    """Return the ONNX file: image uint8 (batch, height, width, 3) -> embedding float32 (batch, 512).

    Raises
    ------
    ModelError
        If PyTorch is not installed or the file is missing.
    """
    torch = _torch()
    if not weights.is_file():
        raise ModelError(f"{weights}: no such file")
    graph = io.BytesIO()
    picture = torch.zeros((1, 288, 288, 3), dtype=torch.uint8)
    free = {"image": {0: "batch", 1: "height", 2: "width"}, "embedding": {0: "batch"}}
    torch.onnx.export(
        _with_preprocessing(torch, torch.jit.load(str(weights), map_location="cpu").eval()),
        (picture,),
        graph,
        input_names=["image"],
        output_names=["embedding"],
        dynamic_axes=free,
        opset_version=17,
        dynamo=False,  # the newer exporter does not support TorchScript
    )
    return graph.getvalue()


def _torch() -> types.ModuleType:
    try:
        return importlib.import_module("torch")  # not a dependency: only this script needs it
    except ImportError as exc:
        raise ModelError("this export needs PyTorch: pip install torch") from exc


def _with_preprocessing(torch: types.ModuleType, network: object) -> object:
    """Return the network including the pixel normalisation, so that every SSCD file takes the same input."""

    class Whole(torch.nn.Module):  # type: ignore[misc,name-defined] # torch is untyped unless installed
        def __init__(self) -> None:
            super().__init__()
            self.network = network
            self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1))
            self.register_buffer("deviation", torch.tensor(_DEVIATION).view(1, 3, 1, 1))

        def forward(self, image: object) -> object:
            planes = image.permute(0, 3, 1, 2).float() / 255.0  # type: ignore[attr-defined] # a torch tensor
            return self.network((planes - self.mean) / self.deviation)  # type: ignore[operator] # likewise

    # traced, so that the mix of Python and TorchScript exports as one graph
    return torch.jit.trace(Whole().eval(), torch.zeros((1, 288, 288, 3), dtype=torch.uint8))


def main() -> int:
    """Export the file named on the command line into the model cache."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=Path("sscd_disc_mixup.torchscript.pt"))
    given = parser.parse_args()
    entry = next(entry for entry in read_manifest(MANIFEST) if entry.name == _NAME)
    try:
        graph = export_from(given.file)
    except ModelError as exc:
        sys.stderr.write(f"{exc}\n")
        return 2
    path = default_cache() / entry.cached_name
    write_atomically(path, graph)
    sys.stdout.write(f'{path}\nsha256 = "{hashlib.sha256(graph).hexdigest()}"\n')
    return 0


if __name__ == "__main__":
    sys.exit(main())
