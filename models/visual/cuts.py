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
_PARTED = 2
"""Frames of a window of the first pass whose rectangles are described."""
_TILED = 2
"""Frames of a window of a second look whose tiles are described if there is no rectangle."""
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
    """Yield each frame without its bars, and of a few the rectangles that may be a picture.

    What resembles a reference in them is looked at again, in all of them. Tiles find nothing there that others do not.
    """
    return _post_parts(window, n_inside=_PARTED, n_tiled=0)


def still_parts(window: list[tuple[int, Picture]]) -> Iterator[Part]:
    """Yield the parts of a post's only frame, and the frame mirrored: no other frame can confirm a weaker match."""
    whole, *others = _post_parts(window, n_inside=1, n_tiled=1)
    yield whole
    yield whole._replace(picture=whole.picture[:, ::-1], view=MIRRORED)
    yield from others


def _post_parts(window: list[tuple[int, Picture]], *, n_inside: int, n_tiled: int) -> Iterator[Part]:
    """Yield each frame without its bars; of some the rectangles that may be a picture, or if there are none tiles."""
    whole = content([picture for _, picture in window])
    inside = [box for box in _inside(window) if not _same(box, whole)]
    parted, tiled = _spread(window, n_inside), set() if inside else _spread(window, n_tiled)
    for number, picture in window:
        bare = crop(picture, whole)
        yield Part(bare, number, 0)
        for rank, box in enumerate(inside if number in parted else ()):
            yield Part(trim_bars(crop(picture, box)), number, FIRST_RECTANGLE + rank)
        for rank, box in enumerate(TILES if number in tiled else ()):
            yield Part(crop(bare, box), number, FIRST_TILE + rank)


def _spread(window: list[tuple[int, Picture]], n_most: int) -> set[int]:
    """Return the numbers of at most so many frames, evenly spread, not at the ends if there are others."""
    if len(window) <= n_most:
        return {number for number, _ in window}
    return {window[index][0] for index in np.linspace(0, len(window) - 1, n_most + 2).round().astype(int)[1:-1]}


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
    of_post = _post_parts(window, n_inside=WINDOW, n_tiled=_TILED)
    yield from sorted([*of_post, *sides_of], key=lambda part: part.frame)


def _inside(window: list[tuple[int, Picture]]) -> list[Box]:
    """Return the parts of these frames that may be pictures, likeliest first."""
    luma = np.stack([picture[..., 1] for _, picture in window])  # green is most of luma, and needs no sum
    band = sharp_band(luma)  # black bars are no sharper than blurred ones: there may be an inset between them
    n_most = _MAX_RECTANGLES if len(window) >= _FEW else _MAX_OF_FEW
    drawn = [found.box for found in rectangles(luma, n_most) if found.score >= _LEAST_SCORE]
    return [band, *(box for box in drawn if not _same(box, band))] if band else drawn


def _same(box: Box, other: Box) -> bool:
    return all(abs(a - b) < _SAME for a, b in zip(box, other, strict=True))
