"""The parts of a frame that are compared, and which pictures say nothing."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
"""One RGB picture, shape (height, width, 3)."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, as fractions of the picture."""

FULL: Box = (0.0, 0.0, 1.0, 1.0)

TILES: tuple[Box, ...] = (
    (0.25, 0.25, 0.75, 0.75),  # centre
    (0.0, 0.0, 0.5, 0.5),  # corners: an inset whose border is too soft to be seen
    (0.5, 0.0, 1.0, 0.5),
    (0.0, 0.5, 0.5, 1.0),
    (0.5, 0.5, 1.0, 1.0),
)
"""Parts of a post's frame that are looked at where no rectangle was found."""

SIDES: tuple[Box, ...] = (
    (0.25, 0.25, 0.75, 0.75),
    (0.0, 0.0, 0.6, 0.6),
    (0.4, 0.0, 1.0, 0.6),
    (0.0, 0.4, 0.6, 1.0),
    (0.4, 0.4, 1.0, 1.0),
)
"""Parts of a reference that a post may show alone; with 9:16 or 16:9 out of its middle and both quarter turns."""
_UPRIGHT: Box = (0.342, 0.0, 0.658, 1.0)
_LEVEL: Box = (0.0, 0.342, 1.0, 0.658)

_BLANK_DEVIATION = 4.0
"""Standard deviation of luma, of 255. Measured: below it pictures drift towards each other (see card.md)."""
_BAR_RANGE = 24
"""How far, of 255, compression may move a bar's pixel from its colour."""
_BAR_SHARE = 0.98
"""Of a row's pixels that must have the bar's colour."""
_BAR_LIMIT = 0.35
"""Of a side; a bar is cut no deeper."""


def sides(picture: Picture) -> list[Picture]:
    """Return what a reference's frame looks like cut and turned as reposts do; views on its memory.

    A reference is described once, so that no post need be described turned or against its parts.
    """
    height, width = picture.shape[:2]
    middle = _LEVEL if height > width else _UPRIGHT
    return [*(crop(picture, box) for box in (middle, *SIDES)), np.rot90(picture), np.rot90(picture, 3)]


def crop(picture: Picture, box: Box) -> Picture:
    """Cut a box out; a view on the same memory, at least one pixel."""
    height, width = picture.shape[:2]
    left, top, right, bottom = (round(edge * size) for edge, size in zip(box, (width, height) * 2, strict=True))
    return picture[top : max(bottom, top + 1), left : max(right, left + 1)]


def is_blank(picture: Picture) -> bool:
    """Tell whether a picture is one colour, or nearly: black, white, a fade, a plain card."""
    luma = picture[::4, ::4].mean(axis=2)
    return bool(luma.std() < _BLANK_DEVIATION)


def trim_bars(picture: Picture) -> Picture:
    """Cut off plain bars (letterbox, pillarbox) at the edges, each at most 35 % of the side."""
    left, top, right, bottom = _content(picture)
    return picture[top:bottom, left:right]


def content(pictures: Sequence[Picture]) -> Box:
    """Return what lies between the plain bars of frames of one size: no bar reaches into any of them.

    A dark scene has no bars, and a reference's must not be cut otherwise than its copy's.
    """
    edges = np.array([_content(picture) for picture in pictures])
    height, width = pictures[0].shape[:2]
    left, top = edges[:, :2].min(axis=0) / (width, height)
    right, bottom = edges[:, 2:].max(axis=0) / (width, height)
    return float(left), float(top), float(right), float(bottom)


def _content(picture: Picture) -> tuple[int, int, int, int]:
    top, bottom = _bars(picture)
    left, right = _bars(picture[top:bottom].swapaxes(0, 1))
    return left, top, right, bottom


def _bars(picture: Picture) -> tuple[int, int]:
    """First row after the leading bar, first row of the trailing one."""
    n_rows = len(picture)
    limit = int(n_rows * _BAR_LIMIT)
    return _bar(picture[:limit]), n_rows - _bar(picture[::-1][:limit])


def _bar(rows: Picture) -> int:
    """How many leading rows are one and the same colour, compression noise allowed."""
    colour = np.median(rows[:1, ::4], axis=1)
    for index, row in enumerate(rows[:, ::4].astype(np.int16)):
        if (np.abs(row - colour) <= _BAR_RANGE).all(axis=1).mean() < _BAR_SHARE:
            return index
    return len(rows)
