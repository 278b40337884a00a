"""Motion tracks as matrices on the wire: int8, one row for each second."""

from collections.abc import Sequence

import numpy as np

from models.motion.track import ACTIVITY, CELLS, CHANGE, COLUMNS, FLOOR, STEP_S, STILL, Track
from schemas.matrix import pack, unpack
from schemas.messages import Matrix

STEPS = round(1 / STEP_S)
"""Steps of a track in one row."""
_SCALE = np.where(np.arange(COLUMNS) < CELLS, 6.0, 8.0).astype(np.float32)
"""Largest numbers: logarithms of 255 grey levels, for changes in units of FLOOR."""
_MISSING = -128 / 127


def pack_track(track: Track) -> Matrix:
    """Return a track as rows of one second, STEPS x COLUMNS numbers each; the steps that the last one lacks are -128.

    The steps of activity are 5 % of it, those of change are 6 % of it.
    """
    padded = np.full((-(-len(track) // STEPS) * STEPS, COLUMNS), _MISSING, np.float32)
    small = track.astype(np.float32, copy=True)
    small[:, CHANGE] = np.sign(small[:, CHANGE]) * np.log1p(np.abs(small[:, CHANGE]) / FLOOR)
    padded[: len(track)] = np.clip(small / _SCALE, -1.0, 1.0)
    return pack(padded.reshape(-1, STEPS * COLUMNS), "int8")


def unpack_track(matrix: Matrix) -> Track:
    """Return the track of a matrix, shape (m, COLUMNS), without the steps that its last second lacks.

    Raises
    ------
    ValueError
        The matrix is no track of this version.
    """
    if matrix.columns != STEPS * COLUMNS:
        raise ValueError(f"a matrix of {matrix.columns} columns is no motion track: expected {STEPS * COLUMNS}")
    small = unpack(matrix).reshape(-1, COLUMNS)
    missing = np.flatnonzero(small[:, 0] < -1.0)
    track = small[: missing[0] if len(missing) else None] * _SCALE
    track[:, CHANGE] = np.sign(track[:, CHANGE]) * np.expm1(np.abs(track[:, CHANGE])) * np.float32(FLOOR)
    track[:, ACTIVITY] = np.maximum(track[:, ACTIVITY], np.float32(np.log(FLOOR)))
    return track


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
