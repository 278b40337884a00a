"""Motion track of a recording: how much, and which way, each part of the picture changes, ten times a second.

A frame of a fixed camera identifies the room; only what moves before it identifies the recording. The tracks of two
copies of one recording rise and fall together, whatever was done to size, colour, contrast or compression.
"""

import numpy as np
import numpy.typing as npt

NAME, VERSION = "motion", "1"
STEP_S = 0.1
"""Duration of one row."""
WIDTH, HEIGHT = 64, 36
"""Size of the grey frames."""
ACROSS, DOWN = 8, 6
CELLS = ACROSS * DOWN
COLUMNS = 2 * CELLS
"""Activity of each cell, then signed change of each cell; cells row by row from the top left."""
ACTIVITY, CHANGE = slice(0, CELLS), slice(CELLS, COLUMNS)
FLOOR = 0.1
"""Mean change, grey levels, that is added before the logarithm: below it is rounding and noise."""

Grey = npt.NDArray[np.uint8]
Track = npt.NDArray[np.float32]

STILL = np.where(np.arange(COLUMNS) < CELLS, np.log(FLOOR), 0.0).astype(np.float32)
"""Row of a picture that stands still."""
_TICKS_PER_S = 1000
"""Frames are summed in whole numbers, exactly: 255 levels in two hours fit in 32 bits."""
_STEP = int(STEP_S * _TICKS_PER_S)


def track(
    grey: Grey, times_s: npt.NDArray[np.float64], *, start_s: float | None = None, end_s: float | None = None
) -> Track:
    """Return the motion of a stretch, shape (m, COLUMNS), one row for each full STEP_S of it; row 0 repeats row 1.

    Each frame is shown until the next, and a row is the mean picture of its step minus that of the step before: so
    neither the frame rate, nor its variation, nor repeated frames matter, and noise is averaged. Activity is the
    logarithm of a cell's mean absolute change, change the change of its mean, in grey levels.

    Parameters
    ----------
    grey
        Frames, shape (n, HEIGHT, WIDTH), 0-255.
    times_s
        Time of each, ascending, shape (n,).
    start_s, end_s
        The stretch; by default from the first frame to the end of the last, as long as the median of all. The first
        frame is also shown before its time, the last one until the end.

    Raises
    ------
    ValueError
        Shapes or times do not fit.
    """
    _check(grey, times_s)
    if not len(grey):
        return np.zeros((0, COLUMNS), np.float32)
    start_s = float(times_s[0]) if start_s is None else start_s
    if end_s is None:
        end_s = float(times_s[-1] + (np.median(np.diff(times_s)) if len(times_s) > 1 else 0.0))
    n_steps = max(0, int((end_s - start_s) / STEP_S + 1e-6))
    return _rows(_means(grey, times_s - start_s, n_steps))


def _check(grey: Grey, times_s: npt.NDArray[np.float64]) -> None:
    if grey.shape[1:] != (HEIGHT, WIDTH) or times_s.shape != (len(grey),):
        raise ValueError(f"frames of shape {grey.shape} at times of shape {times_s.shape}")
    if not np.isfinite(times_s).all() or bool((np.diff(times_s) < 0).any()):
        raise ValueError("the times of the frames are not finite and ascending")


def _means(grey: Grey, shown_s: npt.NDArray[np.float64], n_steps: int) -> npt.NDArray[np.float32]:
    """Return the mean picture of each step, shape (n_steps, HEIGHT * WIDTH)."""
    last = n_steps * _STEP
    shown = np.clip(np.rint(shown_s * _TICKS_PER_S), 0, last).astype(np.int32)
    shown[0] = 0
    flat = grey.reshape(len(grey), -1)
    total = np.zeros(flat.shape, np.int32)  # integral of the picture up to each frame
    np.cumsum(flat[:-1] * np.diff(shown)[:, None], axis=0, out=total[1:])
    edges = np.arange(0, last + 1, _STEP, dtype=np.int32)
    frame = np.searchsorted(shown, edges, side="right") - 1
    until = total[frame] + flat[frame] * (edges - shown[frame])[:, None]
    means: npt.NDArray[np.float32] = (np.diff(until, axis=0) / np.float32(_STEP)).astype(np.float32)
    return means


def _rows(means: npt.NDArray[np.float32]) -> Track:
    """Return the rows of consecutive steps' mean pictures."""
    change = np.zeros_like(means)
    np.subtract(means[1:], means[:-1], out=change[1:])
    if len(change) > 1:
        change[0] = change[1]  # a start without change would be alike in all tracks
    activity = np.log(_cells(np.abs(change)) + np.float32(FLOOR))
    return np.concatenate([activity, _cells(change)], axis=1)


def _cells(pictures: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the mean of each cell, shape (m, CELLS)."""
    grid = pictures.reshape(len(pictures), DOWN, HEIGHT // DOWN, ACROSS, WIDTH // ACROSS)
    means: npt.NDArray[np.float32] = grid.mean(axis=(2, 4)).reshape(len(pictures), CELLS)
    return means
