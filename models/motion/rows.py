"""Motion tracks as matrices on the wire: one row for each second."""

from collections.abc import Sequence

import numpy as np

from models.motion.track import COLUMNS, STEP_S, STILL, Track
from schemas.matrix import pack, unpack
from schemas.messages import Matrix

STEPS = round(1 / STEP_S)
"""Steps of a track in one row."""


def pack_track(track: Track) -> Matrix:
    """Return a track as float16 rows of one second, STEPS x COLUMNS numbers each; a last part of a second is NaN."""
    n_rows = -(-len(track) // STEPS)
    padded = np.full((n_rows * STEPS, COLUMNS), np.nan, np.float32)
    padded[: len(track)] = track
    return pack(padded.reshape(n_rows, STEPS * COLUMNS))


def unpack_track(matrix: Matrix) -> Track:
    """Return the track of a matrix, shape (m, COLUMNS), without the missing part of its last second.

    Raises
    ------
    ValueError
        The matrix is no track of this version.
    """
    if matrix.columns != STEPS * COLUMNS:
        raise ValueError(f"a matrix of {matrix.columns} columns is no motion track: expected {STEPS * COLUMNS}")
    return clean(unpack(matrix).reshape(-1, COLUMNS))


def clean(steps: Track) -> Track:
    """Return steps up to the first one with a number that is missing or infinite."""
    broken = np.flatnonzero(~np.isfinite(steps).all(axis=1))
    return steps[: broken[0]] if len(broken) else steps


def joined(pieces: Sequence[tuple[float, Track]]) -> Track:
    """Return the pieces of one recording as one track from the first piece's start.

    Parameters
    ----------
    pieces
        Start, seconds, and track of each, in order of time; between them nothing moves.
    """
    if not pieces:
        return np.zeros((0, COLUMNS), np.float32)
    starts = [round((start_s - pieces[0][0]) / STEP_S) for start_s, _ in pieces]
    whole = np.tile(STILL, (max(at + len(each) for at, (_, each) in zip(starts, pieces, strict=True)), 1))
    for at, (_, each) in zip(starts, pieces, strict=True):
        whole[at : at + len(each)] = each
    return whole
