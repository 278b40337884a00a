"""Figures of a descriptor on pictures held out: each edited picture among all pictures."""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from models.visual.training.augment import HEAVY, compressed, luma, placed, reposted, resized, screened
from models.visual.training.network import Descriptor

_CHANCE = 1e-4

Edit = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Pictures, as many others and captions to edited pictures of the same size."""


def figures(network: Descriptor, pictures: Tensor, captions: Tensor, side: int) -> tuple[str, float]:
    """Return a table by edit, and the mean share of edited pictures above all but one of 10,000 wrong pairs.

    The threshold is no maximum, because packages contain pictures that are copies of each other.

    Parameters
    ----------
    pictures
        uint8, shape (n, 3, size, size).
    """
    known = described(network, pictures.float(), side)
    cosines = {}
    for name, edit in EDITS.items():
        pairs = zip(pictures.split(256), pictures.roll(7, 0).split(256), strict=True)
        edited = [described(network, edit(part.float(), other.float(), captions), side) for part, other in pairs]
        cosines[name] = (torch.cat(edited) @ known.T).cpu().numpy()
    off = ~np.eye(len(known), dtype=bool)
    threshold = float(np.quantile(np.concatenate([found[off] for found in cosines.values()]), 1 - _CHANCE))
    lines = [f"edit: nearest, above {threshold:.2f}; cosine 10 %, median; wrong pairs 99.9 %"]
    found_shares = []
    for name, found in cosines.items():
        own = found.diagonal()
        nearest = (found.argmax(axis=1) == np.arange(len(own))).mean()
        found_shares.append(float((own > threshold).mean()))
        low, median, chance = np.quantile(own, 0.1), np.median(own), np.quantile(found[off], 0.999)
        lines.append(f"{name:18} {nearest:.3f} {found_shares[-1]:.3f}; {low:.2f} {median:.2f}; {chance:.2f}")
    return "\n".join(lines), float(np.mean(found_shares))


def described(network: Descriptor, pictures: Tensor, side: int) -> Tensor:
    """Return descriptors of pictures of any size, in parts."""
    with torch.no_grad():
        return torch.cat([network(resized(part, side)) for part in pictures.split(256)])


def _seen(pictures: Tensor, *cells: float) -> Tensor:
    homography = torch.tensor(cells, device=pictures.device).view(1, 3, 3).expand(len(pictures), 3, 3)
    seen, inside = placed(pictures, homography)
    return seen * inside


def _cut(share: float) -> Edit:
    def edit(pictures: Tensor, _others: Tensor, _captions: Tensor) -> Tensor:
        at = (1 - share) * (2 * torch.rand(2, len(pictures), device=pictures.device) - 1)
        cells = torch.zeros(len(pictures), 3, 3, device=pictures.device)
        cells[:, 0, 0] = cells[:, 1, 1] = share
        cells[:, 0, 2], cells[:, 1, 2], cells[:, 2, 2] = at[0], at[1], 1.0
        return placed(pictures, cells)[0]

    return edit


def _captioned(pictures: Tensor, _others: Tensor, captions: Tensor) -> Tensor:
    drawn = captions[torch.arange(len(pictures)) % len(captions)].float() / 255
    return pictures * (1 - drawn[:, :1]) + 255 * drawn[:, :1] * drawn[:, 1:]


def _small(pictures: Tensor, _others: Tensor, _captions: Tensor) -> Tensor:
    small = torch.nn.functional.interpolate(pictures, size=(64, 64), mode="area")
    large = torch.nn.functional.interpolate(small, size=pictures.shape[2:], mode="bilinear")
    return compressed(large, torch.full_like(pictures[:, :1, :1, :1], 20.0))


def _filmed(pictures: Tensor, _others: Tensor, _captions: Tensor) -> Tensor:
    tilted = _seen(pictures, 1.2, 0.05, 0.02, -0.05, 1.25, 0.03, 0.1, 0.05, 1.0)
    one = torch.ones_like(pictures[:, :1, :1, :1])
    return compressed(screened(tilted, 0.15 * one, 0.4 * one), 40 * one)


def _bordered(pictures: Tensor, others: Tensor, _captions: Tensor) -> Tensor:
    cells = torch.tensor([1.4, 0, 0.1, 0, 1.4, 0, 0, 0, 1], device=pictures.device).view(1, 3, 3)
    seen, inside = placed(pictures, cells.expand(len(pictures), 3, 3))
    return torch.where(inside, seen, others)


def _dark(pictures: Tensor, _others: Tensor, _captions: Tensor) -> Tensor:
    return (0.2 * pictures + 5 * torch.randn_like(pictures)).clamp(0, 255)


def _night(pictures: Tensor, _others: Tensor, _captions: Tensor) -> Tensor:
    grey = luma(pictures) + 15 * torch.randn_like(pictures[:, :1])
    return torch.cat([0.3 * grey, grey, 0.4 * grey], dim=1).clamp(0, 255)


EDITS: dict[str, Edit] = {
    "none": lambda pictures, _others, _captions: pictures,
    "cut to 70 %": _cut(0.7),
    "cut to 50 %": _cut(0.5),
    "captioned": _captioned,
    "mirrored": lambda pictures, _others, _captions: pictures.flip(3),
    "64 px, JPEG 20": _small,
    "turned 10": lambda pictures, _others, _captions: _seen(
        pictures, math.cos(0.17), -math.sin(0.17), 0, math.sin(0.17), math.cos(0.17), 0, 0, 0, 1
    ),
    "filmed": _filmed,
    "on another picture": _bordered,
    "dark": _dark,
    "night vision": _night,
    "grey": lambda pictures, _others, _captions: luma(pictures).expand_as(pictures),
    "as in training": lambda pictures, others, captions: reposted(pictures, others, captions, HEAVY, pictures.shape[2]),
}
