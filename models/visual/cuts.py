"""Which parts of a run of frames are described: of a post as few as its layout calls for, of a reference many."""

from collections.abc import Iterator, Sequence
from itertools import batched, groupby
from typing import NamedTuple

import numpy as np

from models.visual.layout import rectangles
from models.visual.sharpness import sharp_band
from models.visual.views import TILES, Box, Picture, content, crop, sides, trim_bars

WINDOW = 8
"""Frames judged together: enough to tell a border from a line of the scene, few enough for an inset that comes late."""
FIRST_SIDE, FIRST_TILE, FIRST_RECTANGLE = 1, 16, 32
"""Numbers of views by kind; 0 is the whole frame."""

_MAX_RECTANGLES, _FEW, _MAX_OF_FEW = 2, 3, 4
"""Rectangles looked at, and how many where frames are too few to tell borders from lines of the scene."""
_SURE = 0.3
"""Score of a rectangle from which it is looked at; insets have 0.4 to 0.8, most plain frames below 0.26."""
_TILED = 2
"""Frames of a window whose tiles are looked at where there is no rectangle."""
_SAME = 0.05
"""How far, as a share of the side, a rectangle's edges may lie from the content's and still be the same."""


class Part(NamedTuple):
    """A picture to describe, and where it comes from."""

    picture: Picture
    frame: int
    view: int


def windows(pictures: Sequence[Picture]) -> Iterator[list[tuple[int, Picture]]]:
    """Yield the frames, numbered, in runs of one size and at most WINDOW."""
    for _, run in groupby(enumerate(pictures), key=lambda numbered: numbered[1].shape):
        yield from map(list, batched(run, WINDOW))


def post_parts(window: list[tuple[int, Picture]]) -> Iterator[Part]:
    """Yield each frame without its bars, and what may be a picture in it: rectangles, or else some tiles."""
    whole = content([picture for _, picture in window])
    inside = [box for box in _inside(window) if not _same(box, whole)]
    tiled = {window[index][0] for index in np.linspace(0, len(window) - 1, _TILED + 2).round().astype(int)[1:-1]}
    for number, picture in window:
        bare = crop(picture, whole)
        yield Part(bare, number, 0)
        for rank, box in enumerate(inside):
            yield Part(trim_bars(crop(picture, box)), number, FIRST_RECTANGLE + rank)
        if not inside and number in tiled:
            for rank, box in enumerate(TILES):
                yield Part(crop(bare, box), number, FIRST_TILE + rank)


def reference_parts(window: list[tuple[int, Picture]]) -> Iterator[Part]:
    """Yield each frame without its bars, and its sides."""
    whole = content([picture for _, picture in window])
    for number, picture in window:
        bare = crop(picture, whole)
        yield Part(bare, number, 0)
        for rank, side in enumerate(sides(bare)):
            yield Part(side, number, FIRST_SIDE + rank)


def _inside(window: list[tuple[int, Picture]]) -> list[Box]:
    """Return what may be pictures within these frames, likeliest first."""
    luma = np.stack([picture[..., 1] for _, picture in window])  # green is most of it, and needs no sum
    band = sharp_band(luma)  # black bars are no sharper than blurred ones: there may be an inset between them
    n_most = _MAX_RECTANGLES if len(window) >= _FEW else _MAX_OF_FEW
    drawn = [found.box for found in rectangles(luma, n_most) if found.score >= _SURE]
    return [band, *(box for box in drawn if not _same(box, band))] if band else drawn


def _same(box: Box, other: Box) -> bool:
    return all(abs(a - b) < _SAME for a, b in zip(box, other, strict=True))
