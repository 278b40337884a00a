"""Tracks made comparable: other speeds, other parts of the frame, local normalisation.

Each column is taken less its running mean and in units of its running deviation, so that brightness, contrast, noise
and constant overlays do not matter; deviations that noise alone has are scaled down to nothing.
"""

import numpy as np
import numpy.typing as npt

from models.motion.track import ACROSS, ACTIVITY, CELLS, CHANGE, COLUMNS, DOWN, FLOOR, WHOLE, Track

Array = npt.NDArray[np.float32]
Box = tuple[float, float, float, float]
"""Left, top, right and bottom, as shares of the frame."""

_WINDOW = 31
"""Steps of the running mean and deviation: three seconds, longer than a gesture and shorter than most excerpts."""
_QUIET = np.array([0.35] * CELLS + [0.15] * CELLS + [0.35], np.float32)
"""Deviation of each column that noise has: what moves must exceed it to count in full."""
_CLIP = 2.5
_LOUDEST = 1.5
"""Root mean square over the columns from which a step counts no more: a cut is one step, whatever moves in it."""
_MOVING_COLUMNS, _MOVING_SHARE = 3, 0.5
"""A step moves if this many columns vary mostly by motion."""


def resampled(track: Track, speed: float) -> Track:
    """Return a track at the steps of a reference of which `speed` seconds pass in one of the query's."""
    if speed == 1.0:
        return track
    until = _until(track)
    at = np.arange(int(len(track) * speed) + 1) / speed
    low = np.minimum(at.astype(np.intp), len(track) - 1)
    along: Track = (np.diff(until[low] + track[low] * (at - low)[:, None], axis=0) * speed).astype(np.float32)
    return along


def reversed_in_time(track: Track) -> Track:
    """Return the track of the recording played backwards."""
    backwards = np.roll(track[::-1], 1, axis=0)  # a row is the change since the step before, which then comes after
    backwards[0] = backwards[1]
    backwards[:, CHANGE] *= -1.0
    return backwards


def mirrored(normal: Array) -> Array:
    """Return a track with left and right exchanged."""
    return normal[:, _MIRRORED]


def within(track: Track, box: Box) -> Track:
    """Return the track of a part of the frame, interpolated from the cells that it covers."""
    weights = np.kron(_overlaps(box[1], box[3], DOWN), _overlaps(box[0], box[2], ACROSS)).astype(np.float32)
    inside = np.empty_like(track)
    activity = np.maximum(np.exp(track[:, ACTIVITY]) - FLOOR, 0.0) @ weights.T
    inside[:, ACTIVITY] = np.log(activity + FLOOR)
    inside[:, CHANGE] = track[:, CHANGE] @ weights.T
    inside[:, WHOLE] = np.log(activity.mean(axis=1) + FLOOR)
    return inside


def normalised(track: Track) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Return the track's local deviations, shape (m, COLUMNS), and which of its steps move, shape (m,)."""
    steps = np.arange(len(track))
    low = np.maximum(steps - _WINDOW // 2, 0)
    high = np.minimum(steps + _WINDOW // 2 + 1, len(track))
    count = (high - low)[:, None].astype(np.float32)
    centred = track - _between(track, low, high) / count
    variance = np.maximum(_between(centred**2, low, high) / count, 0.0)
    normal = np.clip(centred / np.sqrt(variance + _QUIET**2), -_CLIP, _CLIP)
    share = np.sort(variance / (variance + _QUIET**2), axis=1)[:, -_MOVING_COLUMNS]
    return normal.astype(np.float32), share > _MOVING_SHARE


def limited(normal: Array) -> Array:
    """Return some columns of normalised tracks with the loudest steps scaled down."""
    loudness = np.sqrt(np.einsum("ij,ij->i", normal, normal) / normal.shape[1])[:, None]
    scaled: Array = normal * np.minimum(1.0, _LOUDEST / np.maximum(loudness, 1e-6))
    return scaled


_CELLS = np.arange(CELLS).reshape(DOWN, ACROSS)[:, ::-1].ravel()
_MIRRORED = np.concatenate([_CELLS, CELLS + _CELLS, np.arange(WHOLE, COLUMNS)])


def _until(values: Array) -> Array:
    """Return the sums of the rows before each, shape (n + 1, columns)."""
    total = np.zeros((len(values) + 1, values.shape[1]), np.float32)
    np.cumsum(values, axis=0, out=total[1:])
    return total


def _between(values: Array, low: npt.NDArray[np.intp], high: npt.NDArray[np.intp]) -> Array:
    total = _until(values)
    between: Array = total[high] - total[low]
    return between


def _overlaps(start: float, end: float, n: int) -> npt.NDArray[np.float64]:
    """Return the share of each of n cells in each n-th of an interval, shape (n, n)."""
    edges, cells = np.linspace(start, end, n + 1), np.linspace(0.0, 1.0, n + 1)
    low = np.maximum(edges[:-1, None], cells[None, :-1])
    high = np.minimum(edges[1:, None], cells[None, 1:])
    overlap: npt.NDArray[np.float64] = np.maximum(high - low, 0.0)
    return overlap / np.maximum(overlap.sum(axis=1, keepdims=True), 1e-9)
