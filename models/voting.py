"""Temporal Hough voting: lines through many similar pairs of query and reference times.

Douze et al. 2010, "An image-based approach to video copy detection with spatio-temporal post-filtering": each similar
pair votes for the lines reference time = speed x query time + offset through it.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.float64]
Similarity = npt.NDArray[np.float32]
Indices = npt.NDArray[np.intp]

_MAX_PAIRS = 20_000
"""Most similar pairs that vote, strongest first: bounds the CPU time for still scenes, where all pairs are similar."""
_MAX_LINES = 6
_SPEED_STEP = 1.03
_SPEED_COST, _MAX_SPEED_COST = 0.7, 0.15
"""Share of its votes a line loses per doubling or halving of speed, and at most, to prefer speeds near 1."""


class Line(NamedTuple):
    """reference time = speed x query time + offset, seconds."""

    speed: float
    offset_s: float


def best_per_time(
    similarity: Similarity, query_times_s: Times, reference_times_s: Times
) -> tuple[Similarity, Times, Times]:
    """Return the largest similarity per pair of distinct times, shape (n, m), and both times, ascending."""
    query_times, row = np.unique(query_times_s, return_inverse=True)
    reference_times, column = np.unique(reference_times_s, return_inverse=True)
    best = max_by(similarity, row, len(query_times))
    return max_by(best.T, column, len(reference_times)).T, query_times, reference_times


def max_by(rows: Similarity, group: Indices, n_groups: int) -> Similarity:
    """Return the elementwise maximum of the rows of each group, shape (n_groups, columns).

    Parameters
    ----------
    rows
        Shape (n, columns).
    group
        Group of each row, 0 to n_groups - 1, shape (n,); every group has a row.
    """
    if n_groups == len(rows) and bool((group[1:] > group[:-1]).all()):
        return rows
    order = np.argsort(group, kind="stable")
    first = np.searchsorted(group[order], np.arange(n_groups))
    best: Similarity = np.maximum.reduceat(rows[order], first, axis=0)
    return best


def likely_lines(
    best: Similarity, query_s: Times, reference_s: Times, *, floor: float, tolerance_s: float, max_speed: float
) -> list[Line]:
    """Return the lines with most votes, the best of each speed; pairs from `floor` on vote by their excess over it.

    Parameters
    ----------
    best
        Similarities of distinct times, shape (n_query, n_reference), with their times, seconds, ascending.
    tolerance_s
        Width of a bin of offsets, in reference time.
    max_speed
        Speeds from 1 / max_speed to max_speed are tried.
    """
    rows, columns = _voters(best, floor)
    if not len(rows):
        return []
    weight = best[rows, columns] - floor + 0.05
    speeds = _speeds(max_speed) if len(np.unique(rows)) > 1 else np.ones(1)
    lines = [_strongest(speed, weight, query_s[rows], reference_s[columns], tolerance_s) for speed in speeds]
    return [line for _, line in sorted(lines, reverse=True)[:_MAX_LINES]]


def _voters(best: Similarity, floor: float) -> tuple[Indices, Indices]:
    flat = np.flatnonzero(best >= floor)
    if len(flat) > _MAX_PAIRS:
        flat = flat[np.argpartition(best.ravel()[flat], -_MAX_PAIRS)[-_MAX_PAIRS:]]
    return np.divmod(flat, best.shape[1])


@cache
def _speeds(max_speed: float) -> Times:
    n_steps = int(np.ceil(np.log(max_speed) / np.log(_SPEED_STEP)))
    return np.geomspace(1 / max_speed, max_speed, 2 * n_steps + 1)


def _strongest(
    speed: float, weight: Similarity, query_s: Times, reference_s: Times, tolerance_s: float
) -> tuple[float, Line]:
    offsets = reference_s - speed * query_s
    first = offsets.min()
    bins = ((offsets - first) / tolerance_s).astype(np.intp)
    votes = np.bincount(bins, weights=weight, minlength=int(bins.max()) + 2)
    votes = votes[:-1] + votes[1:]  # neighbouring bins together, so that a run on the border of two is not halved
    winner = int(votes.argmax())
    plain = 1.0 - min(_MAX_SPEED_COST, _SPEED_COST * abs(float(np.log2(speed))))
    return float(votes[winner]) * plain, Line(float(speed), float(first + (winner + 1) * tolerance_s))
