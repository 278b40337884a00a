"""Agreement of two sounds' landmarks along a line that alignment has found, and its evidence.

The line is right within a second and a few per cent of speed, so few places are tried: a copy's peaks coincide at one
of them, also where the pitch was shifted, and elsewhere only by chance. The mean over all times at the same pitch is
chance, so a hum that both recordings share is none.
"""

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.landmarks.peaks import PER_OCTAVE, STEPS, Peaks

LONGEST_S = 12.0
"""Longest stretch that is compared at once: between the speeds tried, the ends of a longer one would not coincide."""
_NEAR = STEPS
"""Largest difference from the line, steps: windows of sound are aligned within a second."""
_SHIFTS = PER_OCTAVE // 4
"""Most that the pitch was shifted, up or down."""
_SPEEDS = tuple(1.0 + 0.01 * step for step in range(-3, 4))
"""Speeds that are tried, as multiples of the line's."""
_MARGIN = _NEAR + round((max(_SPEEDS) - 1.0) * LONGEST_S / 2 * STEPS)
_BY_CHANCE = 0.5
"""Added to the mean number of coincidences, because of which few of them are no evidence."""
_APART = 4
"""Steps of time within which coincidences are those of one place."""

type _Counts = npt.NDArray[np.float64]


class Line(NamedTuple):
    """Stretch of a query that runs along a reference: reference time = speed x query time + offset, seconds."""

    start_s: float
    end_s: float
    speed: float
    offset_s: float


class Agreement(NamedTuple):
    """Landmarks that coincide along a line."""

    nats: float
    """Log-likelihood ratio of the coincidences at the best place tried, on a copy against chance."""
    n: int
    """Landmarks of the query's stretch, or of the reference's if that has fewer."""


def stretches(line: Line) -> Iterator[Line]:
    """Yield a line in parts of at most LONGEST_S."""
    n_parts = max(1, math.ceil((line.end_s - line.start_s) / LONGEST_S))
    edges = np.linspace(line.start_s, line.end_s, n_parts + 1).tolist()
    for start_s, end_s in pairwise(edges):
        yield line._replace(start_s=start_s, end_s=end_s)


def agreement(query: Peaks, reference: Peaks, line: Line) -> Agreement:
    """Return how many landmarks of a stretch of a query coincide with a reference's along a line.

    Parameters
    ----------
    query, reference
        Landmarks, with times in steps of the two media.
    line
        Of at most LONGEST_S.
    """
    asked = _between(query, line.start_s, line.end_s)
    along = [line.speed * at_s + line.offset_s for at_s in (line.start_s, line.end_s)]
    n = min(len(asked), len(_between(reference, *along)))
    nats = max((_nats(counts) for counts in _coincidences(asked, reference, line)), default=0.0) if n else 0.0
    return Agreement(nats, n)


def _between(peaks: Peaks, start_s: float, end_s: float) -> Peaks:
    first, last = np.searchsorted(peaks[:, 0], (start_s * STEPS, end_s * STEPS))
    return peaks[first:last]


def _coincidences(query: Peaks, reference: Peaks, line: Line) -> Iterator[_Counts]:
    """Yield for each speed the numbers of coincidences, by difference from the line in time and in pitch."""
    middle = (line.start_s + line.end_s) / 2 * STEPS
    since = query[:, 0] - middle
    at = line.speed * query[:, 0] + line.offset_s * STEPS
    first = np.searchsorted(reference[:, 0], at - _MARGIN)
    n = np.searchsorted(reference[:, 0], at + _MARGIN, "right") - first
    one, other = np.repeat(np.arange(len(query)), n), np.repeat(first - np.cumsum(n) + n, n) + np.arange(n.sum())
    higher = reference[other, 1] - query[one, 1]
    alike = np.abs(higher) <= _SHIFTS + 1
    higher, one, other = higher[alike] + _SHIFTS + 1, one[alike], other[alike]
    later, since = reference[other, 0] - at[one], since[one]
    n_times, n_pitches = 2 * _NEAR + 3, 2 * _SHIFTS + 3
    for factor in _SPEEDS:
        row = np.rint(later - (factor - 1.0) * line.speed * since).astype(np.intp) + _NEAR + 1
        inside = (row >= 0) & (row < n_times)
        cells = row[inside] * n_pitches + higher[inside]
        yield np.bincount(cells, minlength=n_times * n_pitches).reshape(n_times, n_pitches).astype(np.float64)


def _nats(counts: _Counts) -> float:
    """Return the evidence of the place with most, by the likelihood of a Poisson variable of the mean at its pitch.

    Peaks come in groups, as the overtones of a syllable, so counts vary more than a Poisson variable: what they vary
    by at the other times divides the likelihood (quasi-Poisson).
    """
    around = _with_neighbours(_with_neighbours(counts).T).T
    chance = around.mean(axis=0) + _BY_CHANCE
    time, pitch = divmod(int(((around - chance) / np.sqrt(chance)).argmax()), around.shape[1])
    n, usual = float(around[time, pitch]), float(chance[pitch])
    others = np.delete(around, slice(max(0, time - _APART), time + _APART + 1), axis=0)
    spread = max(1.0, float(((others - chance) ** 2 / chance).mean()))
    return (n * math.log(n / usual) - n + usual) / spread if n > usual else 0.0


def _with_neighbours(counts: _Counts) -> _Counts:
    """Return the sum of each row and the rows on both sides of it, without the outermost rows."""
    summed: _Counts = counts[:-2] + counts[1:-1] + counts[2:]
    return summed
