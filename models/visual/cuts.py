"""Parts of a run of frames to describe: few of a post, by its layout, many of a reference, all of a second look."""

from collections.abc import Iterator, Sequence
from itertools import batched, groupby
from typing import NamedTuple

import numpy as np

from models.visual.layout import rectangles
from models.visual.sharpness import sharp_band
from models.visual.views import TILES, Box, Picture, content, crop, sides, trim_bars

WINDOW = 8
"""Frames analysed together: enough to separate borders from scene lines, few enough for an inset that starts late."""
FIRST_SIDE, FIRST_TILE, FIRST_RECTANGLE, MIRRORED = 1, 16, 32, 48
"""First view number of each kind; 0 is the whole frame."""

_MAX_RECTANGLES, _FEW, _MAX_OF_FEW = 2, 3, 4
"""Most rectangles described, and a larger limit for fewer than 3 frames, where scene lines also look like borders."""
_LEAST_SCORE = 0.3
"""Least score of a described rectangle; insets have 0.4 to 0.8, most plain frames below 0.26."""
_TILED = 2
"""Frames of a window whose tiles are described if there is no rectangle."""
_SIDED = 4
"""Of so many frames of a second look, which follow each other closely, one is also described in parts and turned."""
_SAME = 0.05
"""Largest distance of two rectangles' edges, as a share of the side, at which they are the same."""


class Part(NamedTuple):
    """A picture to describe, with its frame and view."""

    picture: Picture
    frame: int
    view: int


def windows(pictures: Sequence[Picture]) -> Iterator[list[tuple[int, Picture]]]:
    """Yield the frames, numbered, in runs of one size and at most WINDOW."""
    for _, run in groupby(enumerate(pictures), key=lambda numbered: numbered[1].shape):
        yield from map(list, batched(run, WINDOW))


def post_parts(window: list[tuple[int, Picture]]) -> Iterator[Part]:
    """Yield each frame without its bars, and its parts that may be a picture: rectangles, or else some tiles."""
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


def still_parts(window: list[tuple[int, Picture]]) -> Iterator[Part]:
    """Yield the parts of a post's only frame, and the frame mirrored: no other frame can confirm a weaker match."""
    whole, *others = post_parts(window)
    yield whole
    yield whole._replace(picture=whole.picture[:, ::-1], view=MIRRORED)
    yield from others


def reference_parts(window: list[tuple[int, Picture]]) -> Iterator[Part]:
    """Yield each frame without its bars, and its sides."""
    whole = content([picture for _, picture in window])
    for number, picture in window:
        bare = crop(picture, whole)
        yield Part(bare, number, 0)
        for rank, side in enumerate(sides(bare)):
            yield Part(side, number, FIRST_SIDE + rank)


def look_parts(window: list[tuple[int, Picture]]) -> Iterator[Part]:
    """Yield, frame by frame, the parts that a post's frames have, of some also those that a reference's have."""
    # The whole frame is among the others.
    sides_of = (part for part in reference_parts(window) if part.view and part.frame % _SIDED == 0)
    yield from sorted([*post_parts(window), *sides_of], key=lambda part: part.frame)


def _inside(window: list[tuple[int, Picture]]) -> list[Box]:
    """Return the parts of these frames that may be pictures, likeliest first."""
    luma = np.stack([picture[..., 1] for _, picture in window])  # green is most of luma, and needs no sum
    band = sharp_band(luma)  # black bars are no sharper than blurred ones: there may be an inset between them
    n_most = _MAX_RECTANGLES if len(window) >= _FEW else _MAX_OF_FEW
    drawn = [found.box for found in rectangles(luma, n_most) if found.score >= _LEAST_SCORE]
    return [band, *(box for box in drawn if not _same(box, band))] if band else drawn


def _same(box: Box, other: Box) -> bool:
    return all(abs(a - b) < _SAME for a, b in zip(box, other, strict=True))
