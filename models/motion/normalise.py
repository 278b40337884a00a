"""Tracks made comparable: other speeds, backwards, local normalisation.

Each column is taken less its running mean and in units of its running deviation, so that brightness, contrast, noise
and constant overlays do not matter; deviations that noise alone has are scaled down to nothing.
"""

import numpy as np
import numpy.typing as npt

from models.motion.track import ACTIVITY, CHANGE, FLOOR, Track

Array = npt.NDArray[np.float32]

QUIET_ACTIVITY, QUIET_CHANGE = 0.35, 0.15
"""Deviations that noise has, in logarithms and in grey levels: what moves must exceed them to count in full."""
_WINDOW = 15
"""Steps of the running mean and deviation: what is slower than 1.5 s is alike in too many recordings."""
_CLIP = 3.0
_LOUDEST = 2.0
"""Root mean square over the columns from which a step counts no more: a cut is one step, whatever moves in it."""
_JUMP, _JUMPING = 1.0, 0.5
"""Rise of a cell's activity above its running mean, in logarithms, and share of the cells that rise, of a jump: a cut
or a lamp raises nearly all cells by 2 to 5, people who walk raise at most a sixth of them."""


def linear(track: Track) -> Array:
    """Return a track with activity in grey levels, which can be added and averaged."""
    levels = track.copy()
    levels[:, ACTIVITY] = np.maximum(np.exp(track[:, ACTIVITY]) - np.float32(FLOOR), 0.0)
    return levels


def without_jumps(track: Track) -> Track:
    """Return a track whose cuts and changes of light are replaced by the row before them, or after a first one.

    They change the whole picture within a step or two, and are alike in all recordings; what moves changes a part of
    it, or changes it for longer.
    """
    activity = track[:, ACTIVITY]
    low, high = _window(len(track))
    usual = _between(activity, low, high) / (high - low)[:, None].astype(np.float32)
    jumps = np.count_nonzero(activity - usual > _JUMP, axis=1) > _JUMPING * activity.shape[1]
    ordinary = np.flatnonzero(~jumps)
    if len(ordinary) in (0, len(track)):
        return track
    before = np.searchsorted(ordinary, np.arange(len(track)), side="right") - 1
    return track[ordinary[np.maximum(before, 0)]]


def resampled(levels: Array, speed: float) -> Array:
    """Return rows at the steps of a reference of which `speed` seconds pass in one of the query's."""
    if speed == 1.0:
        return levels
    until = _until(levels)
    at = (np.arange(int(len(levels) * speed) + 1) / speed).astype(np.float32)
    low = np.minimum(at.astype(np.intp), len(levels) - 1)
    along: Array = np.diff(until[low] + levels[low] * (at - low)[:, None], axis=0) * np.float32(speed)
    return along


def backwards(levels: Array) -> Array:
    """Return the rows of the recording played backwards."""
    turned = np.roll(levels[::-1], 1, axis=0)  # a row is the change since the step before, which then comes after
    turned[0] = turned[1]
    turned[:, CHANGE] *= -1.0
    return turned


def normalised(values: Array, quiet: Array) -> Array:
    """Return the local deviations of some columns, scaled; `quiet` holds the deviation of each that noise has."""
    low, high = _window(len(values))
    count = (high - low)[:, None].astype(np.float32)
    centred = values - _between(values, low, high) / count
    variance = np.maximum(_between(centred * centred, low, high) / count, 0.0)
    normal = np.clip(centred / np.sqrt(variance + quiet * quiet), -_CLIP, _CLIP)
    loudness = np.sqrt(np.einsum("ij,ij->i", normal, normal) / np.float32(normal.shape[1]))
    scaled: Array = normal * np.minimum(1.0, _LOUDEST / np.maximum(loudness, 1e-6))[:, None].astype(np.float32)
    return scaled


def _window(n: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    steps = np.arange(n)
    return np.maximum(steps - _WINDOW // 2, 0), np.minimum(steps + _WINDOW // 2 + 1, n)


def _until(values: Array) -> Array:
    """Return the sums of the rows before each, shape (n + 1, columns)."""
    total = np.zeros((len(values) + 1, values.shape[1]), np.float32)
    np.cumsum(values, axis=0, out=total[1:])
    return total


def _between(values: Array, low: npt.NDArray[np.intp], high: npt.NDArray[np.intp]) -> Array:
    total = _until(values)
    between: Array = total[high] - total[low]
    return between
