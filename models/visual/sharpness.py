"""Detection of a sharp band between blurred ones: a wide video in a tall frame filled with itself, and the reverse."""

import numpy as np
import numpy.typing as npt

from models.visual.layout import Luma
from models.visual.views import Box

_BLURRED = 0.35
"""Most fine detail of a blurred row, as a share of that of a sharp one."""
_SHORTEST, _LONGEST = 0.15, 0.85
"""Size of the band, as a share of the frame's side."""
_FILL = 0.07
"""Least share of the side that is blurred before the band, and after it."""
_SOLID = 0.8
"""Least share of the band's rows that are sharp."""
_EVERY = 4
"""Pixels from one measured place of a row to the next."""
_SMOOTH = 7
"""Rows of the moving average."""


def sharp_band(luma: Luma) -> Box | None:
    """Return the band across the frames that is sharp while the rest is blurred, None if there is none.

    Parameters
    ----------
    luma
        Frames of one size, shape (n, height, width).
    """
    if min(luma.shape[1:]) < 2 * _SMOOTH:
        return None
    if level := _band(luma):
        return 0.0, level[0], 1.0, level[1]
    if upright := _band(luma.swapaxes(1, 2)):
        return upright[0], 0.0, upright[1], 1.0
    return None


def _band(luma: Luma) -> tuple[float, float] | None:
    detail = _detail(luma)
    sharp = detail > _BLURRED * np.percentile(detail, 85)
    rows = np.flatnonzero(sharp)
    if not rows.size:
        return None  # uniform pictures, such as a black one
    first, end, n_rows = rows[0] / len(sharp), (rows[-1] + 1) / len(sharp), rows[-1] + 1 - rows[0]
    is_band = _SHORTEST <= end - first <= _LONGEST and len(rows) >= _SOLID * n_rows
    if not is_band or min(first, 1 - end) < _FILL:
        return None
    inside, beside = detail[sharp].mean(), detail[~sharp].mean()
    return (float(first), float(end)) if beside < _BLURRED * inside else None


def _detail(luma: Luma) -> npt.NDArray[np.float64]:
    """Return the mean second difference along each row, over all frames, smoothed across rows; shape (height,).

    It is taken at every fourth pixel, from that one's own neighbours.
    """
    before, middle, after = (luma[:, :, start::_EVERY].astype(np.int16) for start in range(3))
    n = after.shape[2]
    second = np.abs(2 * middle[:, :, :n] - before[:, :, :n] - after).mean(axis=(0, 2))
    padded = np.pad(second, _SMOOTH // 2, mode="edge")
    return np.convolve(padded, np.full(_SMOOTH, 1 / _SMOOTH), mode="valid")
