"""Views of a frame: crops, bars and turns, and the test for blank pictures."""

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
    (0.0, 0.0, 0.5, 0.5),  # corners: an inset whose border is too soft to be detected
    (0.5, 0.0, 1.0, 0.5),
    (0.0, 0.5, 0.5, 1.0),
    (0.5, 0.5, 1.0, 1.0),
)
"""Parts of a post's frame that are described if no rectangle was found."""

SIDES: tuple[Box, ...] = (
    (0.25, 0.25, 0.75, 0.75),
    (0.0, 0.0, 0.6, 0.6),
    (0.4, 0.0, 1.0, 0.6),
    (0.0, 0.4, 0.6, 1.0),
    (0.4, 0.4, 1.0, 1.0),
)
"""Parts of a reference that a post may show alone; in addition to 9:16 or 16:9 cuts and both quarter turns."""
_UPRIGHT: tuple[Box, ...] = tuple((left, 0.0, left + 0.316, 1.0) for left in (0.342, 0.12, 0.564))
_LEVEL: tuple[Box, ...] = tuple((0.0, top, 1.0, top + 0.316) for top in (0.342, 0.12, 0.564))
"""Cuts out of the middle, and a little off it on either side."""

_BLANK_DEVIATION = 4.0
"""Least standard deviation of luma, of 255. Below it, as measured, pictures become similar to each other (card.md)."""
_BAR_RANGE = 24
"""Largest deviation, of 255, of a bar's pixel from its colour, by compression."""
_BAR_SHARE = 0.98
"""Least share of a row's pixels that have the bar's colour."""
_BAR_LIMIT = 0.35
"""Largest cut, as a share of a side."""
_BAR_BLOCK = 8
"""Rows examined together; most pictures have no bar, so the first ones suffice."""


def sides(picture: Picture) -> list[Picture]:
    """Return a reference's frame cropped and turned as in reposts; views on the same memory.

    A reference is described once; so no post has to be described turned or in parts for this.
    """
    height, width = picture.shape[:2]
    cuts = _LEVEL if height > width else _UPRIGHT
    return [*(crop(picture, box) for box in (*cuts, *SIDES)), np.rot90(picture), np.rot90(picture, 3)]


def crop(picture: Picture, box: Box) -> Picture:
    """Cut a box out; a view on the same memory, at least one pixel."""
    height, width = picture.shape[:2]
    left, top, right, bottom = (round(edge * size) for edge, size in zip(box, (width, height) * 2, strict=True))
    return picture[top : max(bottom, top + 1), left : max(right, left + 1)]


def is_blank(picture: Picture) -> bool:
    """Return whether a picture is one colour, or nearly: black, white, a fade, a plain card."""
    luma = picture[::4, ::4].mean(axis=2)
    return bool(luma.std() < _BLANK_DEVIATION)


def trim_bars(picture: Picture) -> Picture:
    """Cut off plain bars (letterbox, pillarbox) at the edges, each at most 35 % of the side."""
    left, top, right, bottom = _content(picture)
    return picture[top:bottom, left:right]


def content(pictures: Sequence[Picture]) -> Box:
    """Return the box between the plain bars of frames of one size, which contains the content of all of them.

    A dark scene has no bars, and a reference must be cut in the same way as its copy.
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
    """Return the first row after the leading bar and the first row of the trailing one."""
    n_rows = len(picture)
    limit = int(n_rows * _BAR_LIMIT)
    return _bar(picture[:limit]), n_rows - _bar(picture[::-1][:limit])


def _bar(rows: Picture) -> int:
    """Return the number of leading rows of the same colour, except for compression noise."""
    colour = _median(rows[:1, ::4])
    for start in range(0, len(rows), _BAR_BLOCK):
        block = rows[start : start + _BAR_BLOCK, ::4].astype(np.float32)
        plain = (np.abs(block - colour) <= _BAR_RANGE).all(axis=2).mean(axis=1) >= _BAR_SHARE
        if not plain.all():
            return start + int(plain.argmin())
    return len(rows)


def _median(row: Picture) -> npt.NDArray[np.float32]:
    """Return the median of each channel, shape (1, 3); numpy's own takes several times as long for few numbers."""
    ordered, n = np.sort(row, axis=1), row.shape[1]
    return ordered[:, [(n - 1) // 2, n // 2]].mean(axis=1, dtype=np.float32)
