"""Evidence of a passage's correlation, in nats, from distributions measured by ops/bench/motion.py; see card.md."""

import math

import numpy as np

from models.motion.track import ACTIVITY, STEP_S, Track

_LEAST_MOVING_S = 0.5
"""Motion that both recordings need for any evidence."""
_FULL_MOVING_S = 8.0
"""Motion of both from which a copy would have correlated, whatever was done to it; less is little evidence against a
copy."""
_MOVES, _MOVING_CELLS = 0.5, 3
"""A step moves where this many cells change by this much more than they usually do, in logarithms."""
_USUAL_S = 13.0
"""Length of the measured recordings."""
_SHORTER, _LONGER = 0.8, 1.5
"""Rise of the best correlation by chance with the logarithm of the shorter length, below and above that."""
_NATS = ((5.5, -3.5), (6.5, -2.0), (7.3, 0.0), (8.5, 2.0), (10.0, 4.5), (12.0, 7.0), (15.0, 10.0), (18.0, 12.0))
"""Nats of a correlation, in deviations of chance; between them along straight lines. Of recordings of one room the
highest of some hundred is 7.9, and above it their share falls at least threefold with each unit."""


def evidence(z: float, query: Track, reference: Track, shown: Track) -> float:
    """Return the log-likelihood ratio of the same recording against another one, possibly of the same room.

    Parameters
    ----------
    z
        Correlation of the best passage.
    query, reference
        The tracks, which must move for any evidence.
    shown
        The part of the query that may show the reference: only what moves in it counts against a copy.
    """
    reference_s = moving_s(reference)
    if min(moving_s(query), reference_s) < _LEAST_MOVING_S:
        return 0.0
    correlations, nats = zip(*_NATS, strict=True)
    found = float(np.interp(z - by_chance(len(query), len(reference)), correlations, nats))
    return found if found > 0.0 else found * min(1.0, moving_s(shown) / _FULL_MOVING_S, reference_s / _FULL_MOVING_S)


def by_chance(n_query: int, n_reference: int) -> float:
    """Return by how much more the best of all passages correlates by chance than in recordings of the usual length.

    Parameters
    ----------
    n_query, n_reference
        Lengths of the tracks in steps, at least 1.
    """
    longer = math.log(min(n_query, n_reference) * STEP_S / _USUAL_S)
    return (_SHORTER if longer < 0.0 else _LONGER) * longer


def moving_s(track: Track) -> float:
    """Return for how many seconds something moves: activity is above that of the cell's stillest steps."""
    if not len(track):
        return 0.0
    activity = track[:, ACTIVITY]
    above = activity - np.quantile(activity, 0.1, axis=0)
    moving = np.count_nonzero(above > _MOVES, axis=1) >= _MOVING_CELLS
    return STEP_S * float(np.count_nonzero(moving))
