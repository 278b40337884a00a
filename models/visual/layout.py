"""Detection of pictures inside the frames of a video: straight lines that stay while the content changes.

The border of an inset, of a split screen, of filled bars is a step in brightness along a row or column, at the same
place in all frames; lines of a scene move or are short. Candidate rectangles are formed by the strongest such lines and
the frame's own edges, and scored by the step along all their sides. Independent of all references.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.visual.views import Box

Luma = npt.NDArray[np.uint8]
"""Brightness of several frames of one size, shape (n, height, width)."""
_Map = npt.NDArray[np.float32]

_STEP = 16.0
"""Step of luma, of 255, at which the measure saturates."""
_CHANCE = 0.22
"""Mean step of a chance line."""
_EVERY = 4
"""Distance of the rows on which steps to the right are measured, and of the columns for those down: a border is long,
and its place along the other direction stays exact to the pixel."""
_LINES = 10
"""Most lines of each direction that form rectangles, in addition to the frame's edges."""
_SHORTEST = 0.15
"""Least side of a rectangle, as a share of the frame's shorter one."""
_LONGEST = 0.97
"""A rectangle longer than this share of the frame on both sides is the frame itself."""
_LEAST_SUPPORT = 0.3
"""Least mean step along each side that is not the frame's own edge."""
_SPLIT = 0.7
"""Least weight of a part whose inner sides run from edge to edge of the frame: lines of a scene hardly do."""
_OVERLAP = 0.6
"""Intersection over union from which two rectangles are one."""


@dataclass(frozen=True)
class Rectangle:
    """A part of the frames that may be a picture of its own."""

    box: Box
    score: float
    """Mean step above chance along its inner sides, times the square root of their share of its outline; 0 to 1."""


def rectangles(luma: Luma, n_most: int) -> list[Rectangle]:
    """Return the likeliest rectangles, best first, at most n_most, none in frames below 32 pixels.

    Parameters
    ----------
    luma
        Frames that differ in content; the more there are, the fewer lines of the scene are mistaken for borders.
    """
    height, width = luma.shape[1:]
    if min(height, width) < 32:  # noqa: PLR2004 - an inset would be too small
        return []
    right, down = _steps(luma[:, ::_EVERY]), _steps(luma[:, :, ::_EVERY].swapaxes(1, 2)).T
    xs, ys = _lines(right, min(width, height)), _lines(down.T, min(width, height))
    if len(xs) + len(ys) <= 4:  # noqa: PLR2004 - the frame's own edges
        return []
    left, top, far, bottom = _candidates(xs, ys, width, height)
    score = _scores(right, down, left, top, far, bottom)
    boxes = np.stack([left / width, top / height, far / width, bottom / height], axis=1)
    return _distinct(boxes, score, n_most)


def _steps(luma: Luma) -> _Map:
    """Return the step of each pixel from its left neighbour, over all frames, 0 to 1; shape (rows, width).

    A step must stand out from the steps two pixels beside it: a textured area has steps everywhere.
    """
    total = np.zeros(luma.shape[1:], np.float32)
    for frame in luma:
        step = np.abs(np.diff(frame.astype(np.int16), axis=1, prepend=frame[:, :1]))
        beside = np.zeros_like(step)
        beside[:, 3:-3] = (step[:, :-6] + step[:, 6:]) // 2
        total += np.clip(step - beside, 0, _STEP)
    total[:, :4] = total[:, -4:] = 0.0
    spread = total / (_STEP * len(luma))
    spread[:, 1:] = np.minimum(1.0, spread[:, 1:] + 0.5 * spread[:, :-1])  # a scaled border falls between two pixels
    return spread


def _lines(steps: _Map, shorter: int) -> npt.NDArray[np.intp]:
    """Return the columns that hold the longest strong lines, and both ends of the frame, rising.

    Parameters
    ----------
    steps
        On each fourth row.
    shorter
        The frame's shorter side.
    """
    sums = np.cumsum(steps - _CHANCE, axis=0)
    before = np.minimum.accumulate(np.concatenate([np.zeros_like(sums[:1]), sums[:-1]]), axis=0)
    gain = (sums - before).max(axis=0)
    found: list[int] = []
    for column in np.argsort(-gain):
        if gain[column] < _SHORTEST * _CHANCE * shorter / _EVERY or len(found) == _LINES:
            break
        if all(abs(column - other) > 2 for other in found):  # noqa: PLR2004 - the same line
            found.append(int(column))
    return np.unique(np.array([0, *found, steps.shape[1]], np.intp))


def _candidates(
    xs: npt.NDArray[np.intp], ys: npt.NDArray[np.intp], width: int, height: int
) -> tuple[npt.NDArray[np.intp], ...]:
    left, far = _pairs(xs, _SHORTEST * min(width, height))
    top, bottom = _pairs(ys, _SHORTEST * min(width, height))
    across, along = (index.ravel() for index in np.indices((len(left), len(top))))
    found = np.stack([left[across], top[along], far[across], bottom[along]])
    whole = (found[2] - found[0] > _LONGEST * width) & (found[3] - found[1] > _LONGEST * height)
    return tuple(found[:, ~whole])


def _pairs(places: npt.NDArray[np.intp], shortest: float) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    first, second = np.triu_indices(len(places), 1)
    far = places[second] - places[first] >= shortest
    return places[first[far]], places[second[far]]


def _scores(right: _Map, down: _Map, *box: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    """Return the score of each candidate, 0 where a side has no support."""
    left, top, far, bottom = box
    height, width = len(down), right.shape[1]
    upright = np.concatenate([np.zeros((1, width + 1)), np.cumsum(np.pad(right, ((0, 0), (0, 1))), axis=0)])
    level = np.concatenate([np.zeros((height + 1, 1)), np.cumsum(np.pad(down, ((0, 1), (0, 0))), axis=1)], axis=1)
    (row, end), (column, last) = (_measured(*ends) for ends in ((top, bottom), (left, far)))
    tall, wide = bottom - top, far - left
    support = np.stack(
        [
            (upright[end, left] - upright[row, left]) / (end - row),
            (upright[end, far] - upright[row, far]) / (end - row),
            (level[top, last] - level[top, column]) / (last - column),
            (level[bottom, last] - level[bottom, column]) / (last - column),
        ]
    )
    inner = np.stack([left > 0, far < width, top > 0, bottom < height])
    length = np.stack([tall, tall, wide, wide]) * inner
    mean = (support * length).sum(axis=0) / np.maximum(1, length.sum(axis=0))
    share = np.sqrt(length.sum(axis=0) / (2 * (tall + wide)))
    full = np.stack([tall == height, tall == height, wide == width, wide == width])
    weight = np.where((full | ~inner).all(axis=0), np.maximum(share, _SPLIT), share)
    weak = (inner & (support < _LEAST_SUPPORT)).any(axis=0)
    return np.where(weak, 0.0, np.maximum(0.0, mean - _CHANCE) * weight)


def _measured(start: npt.NDArray[np.intp], end: npt.NDArray[np.intp]) -> tuple[npt.NDArray[np.intp], ...]:
    """Return the first measured row or column of each side, and the one after its last; at least one between them."""
    first, after = -(-start // _EVERY), -(-end // _EVERY)
    return first, np.maximum(after, first + 1)


def _distinct(boxes: npt.NDArray[np.float64], score: npt.NDArray[np.float64], n_most: int) -> list[Rectangle]:
    found: list[Rectangle] = []
    for index in np.argsort(-score):
        if score[index] <= 0.0 or len(found) == n_most:
            break
        left, top, right, bottom = boxes[index].tolist()
        box = (left, top, right, bottom)
        if not any(_overlap(box, other.box) >= _OVERLAP or _is_part(box, other.box) for other in found):
            found.append(Rectangle(box, float(score[index])))
    return found


def _is_part(box: Box, other: Box) -> bool:
    """Return whether a box lies within another along two of its edges: the same lines formed both."""
    inside = box[0] >= other[0] and box[1] >= other[1] and box[2] <= other[2] and box[3] <= other[3]
    return inside and sum(a == b for a, b in zip(box, other, strict=True)) >= 2  # noqa: PLR2004


def _overlap(a: Box, b: Box) -> float:
    """Return intersection over union."""
    wide = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    tall = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    area = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return wide * tall / (area - wide * tall)
