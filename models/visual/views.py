"""The parts of a frame that are compared, and which pictures say nothing."""

import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
"""One RGB picture, shape (height, width, 3)."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, as fractions of the picture."""

FULL: Box = (0.0, 0.0, 1.0, 1.0)

VIEWS: tuple[Box, ...] = (
    FULL,
    (0.25, 0.25, 0.75, 0.75),  # centre
    (0.0, 0.0, 0.5, 0.5),  # corners: picture in picture
    (0.5, 0.0, 1.0, 0.5),
    (0.0, 0.5, 0.5, 1.0),
    (0.5, 0.5, 1.0, 1.0),
    (0.0, 0.0, 0.5, 1.0),  # halves: split screen, side by side in a wide frame
    (0.5, 0.0, 1.0, 1.0),
    (0.0, 0.0, 1.0, 0.5),  # and one above the other in a tall one
    (0.0, 0.5, 1.0, 1.0),
    (1 / 3, 0.0, 2 / 3, 1.0),  # a tall picture in a wide frame with filled sides
    (0.0, 1 / 3, 1.0, 2 / 3),  # a wide picture in a tall frame with filled top and bottom
)
"""All views ever cut, by number; ops/bench/visual_views.py measures what each finds."""

_BOTH = (0, 1, 2, 3, 4, 5)
_WIDE = (*_BOTH, 6, 7, 10)
_TALL = (*_BOTH, 8, 9, 11)

_BLANK_DEVIATION = 4.0
"""Standard deviation of luma, of 255. Measured: below it pictures drift towards each other (see card.md)."""
_BAR_RANGE = 24
"""How far, of 255, compression may move a bar's pixel from its colour."""
_BAR_SHARE = 0.98
"""Of a row's pixels that must have the bar's colour."""
_BAR_LIMIT = 0.35
"""Of a side; a bar is cut no deeper."""


def query_views(picture: Picture) -> tuple[int, ...]:
    """Return which views to cut from a post's frame; the layouts people use depend on its shape."""
    height, width = picture.shape[:2]
    return _TALL if height > width else _WIDE


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
    top, bottom = _bars(picture)
    left, right = _bars(picture[top:bottom].swapaxes(0, 1))
    return picture[top:bottom, left:right]


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
