"""Landmarks as matrices on the wire: int8, one row for each second."""

from collections.abc import Iterable

import numpy as np

from models.landmarks.peaks import MOST, PITCHES, STEPS, Peaks
from schemas.matrix import pack, unpack
from schemas.messages import Matrix

COLUMNS = 2 * MOST
"""Step of time and pitch of each peak of a second."""
NO_PEAKS: Peaks = np.zeros((0, 2), np.int32)
_SCALE = 127
_MIDDLE = PITCHES // 2
_MISSING = -128


def pack_peaks(peaks: Peaks) -> Matrix:
    """Return landmarks as rows of one second, MOST peaks each; what a second lacks is -128."""
    seconds = peaks[:, 0] // STEPS
    place = np.arange(len(peaks)) - np.searchsorted(seconds, seconds)
    rows = np.full((int(seconds.max(initial=-1)) + 1, COLUMNS), _MISSING, np.float32)
    rows[seconds, 2 * place] = peaks[:, 0] % STEPS
    rows[seconds, 2 * place + 1] = peaks[:, 1] - _MIDDLE
    return pack(rows / _SCALE, "int8")


def is_comparable(matrix: Matrix) -> bool:
    """Return whether a matrix has landmarks of this version."""
    return matrix.columns == COLUMNS


def unpack_peaks(matrix: Matrix, start_s: float = 0.0) -> Peaks:
    """Return the landmarks of a matrix, in order of time.

    Parameters
    ----------
    start_s
        Time of the first sample, seconds, which is added to their times.
    """
    numbers = np.rint(unpack(matrix) * _SCALE).astype(np.int32)
    within, pitch = numbers[:, ::2], numbers[:, 1::2] + _MIDDLE
    second, place = np.nonzero((within >= 0) & (within < STEPS) & (pitch >= 0) & (pitch < PITCHES))
    at = second * STEPS + within[second, place] + round(start_s * STEPS)
    order = np.argsort(at, kind="stable")
    found: Peaks = np.stack([at, pitch[second, place]], axis=1)[order].astype(np.int32)
    return found


def joined(pieces: Iterable[Peaks]) -> Peaks:
    """Return the landmarks of the pieces of one recording, which are in order of time."""
    return np.concatenate([NO_PEAKS, *pieces])
