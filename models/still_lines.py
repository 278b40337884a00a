"""Lines of times along which two recordings by a camera that does not move vary alike.

A line is reference time = speed x query time + offset. Only the pairs of a line and a query time are computed at which
the reference has a time: of a long query along a short reference these are few.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.float32]
Times = npt.NDArray[np.float64]
type Indices = npt.NDArray[np.intp]

_STEP_S = 0.25
_MOST_OFFSETS = 4096
"""Offsets tried for one speed; beyond it they are further apart."""
_TOLERANCE_S = 0.6
"""Largest distance of a query time to a reference time: half the step of a reference, and a little."""
_ROUNDING_S = 1e-6
_SPEEDS = np.array([1.0, 0.9, 1.1, 0.8, 1.25, 0.67, 1.5, 0.5, 2.0, -1.0])
"""Speeds tried, -1 is reversed."""
_SPEED_NATS = 1.5
"""Penalty of every speed but 1."""
_LEAST_TIMES = 3
"""Times from which a correlation is compared."""
_OTHER, _OTHER_SD, _COPY, _COPY_SD, _OF_TIMES = 0.1, 0.1, 0.65, 0.22, 5.0
"""Correlation of other recordings of a room, after the search for the best line, and of copies: mean and deviation."""
_LEAST_POWER = 1e-9


class Recording(NamedTuple):
    """The line along which query and reference vary alike, and how much."""

    nats: float = 0.0
    """Log-likelihood ratio of one recording to another of the same room; 0 if there are too few times."""
    correlation: float = 0.0
    n_times: int = 0
    speed: float = 1.0
    offset_s: float = 0.0
    """Reference time = speed x query time + offset."""


class Track(NamedTuple):
    """One view of a scene over time, less its mean."""

    rows: Rows
    power: Rows
    times_s: Times


class _Lines(NamedTuple):
    """The lines tried, and the query times on them that are near a reference time."""

    speed: Times
    """Of each line, likewise the offset."""
    offset_s: Times
    line: Indices
    """Of each pair, likewise the others."""
    row: Indices
    """Number of the query time."""
    column: Indices
    """Number of the nearest reference time."""
    first: npt.NDArray[np.bool_]
    """Whether no earlier query time of the line is near the same reference time: those compared with it count once."""


def best_line(own: Track, other: Track) -> Recording:
    """Return the line with most evidence on which enough times lie; without one, no evidence."""
    tried = _lines(own.times_s, other.times_s)
    n_lines = len(tried.speed)
    total = np.bincount(tried.line, (own.rows @ other.rows.T)[tried.row, tried.column], n_lines)
    power = np.bincount(tried.line, own.power[tried.row], n_lines)
    power *= np.bincount(tried.line, other.power[tried.column], n_lines)
    correlation = total / np.sqrt(np.maximum(power, _LEAST_POWER))
    n_times = np.bincount(tried.line[tried.first], minlength=n_lines)
    nats = _nats(correlation, n_times) - np.where(tried.speed == 1.0, 0.0, _SPEED_NATS)
    best = int(np.where(n_times >= _LEAST_TIMES, nats, -np.inf).argmax())
    if n_times[best] < _LEAST_TIMES:
        return Recording()
    speed, offset_s = float(tried.speed[best]), float(tried.offset_s[best])
    return Recording(float(nats[best]), float(correlation[best]), int(n_times[best]), speed, offset_s)


def _lines(own_s: Times, other_s: Times) -> _Lines:
    """Return the lines of all speeds and offsets."""
    mapped_s = np.outer(_SPEEDS, own_s)
    first_s = other_s[0] - mapped_s.max(axis=1)
    span_s = other_s[-1] - mapped_s.min(axis=1) - first_s
    n_offsets = np.minimum(_MOST_OFFSETS, (span_s / _STEP_S).astype(np.intp) + 1)
    step_s = span_s / np.maximum(1, n_offsets - 1)
    speed, offset = _ranges(np.zeros_like(n_offsets), n_offsets)
    begin, end = _inside(mapped_s - other_s[0] + first_s[:, None], float(np.ptp(other_s)), n_offsets, step_s)
    track, at = _ranges(begin, end)  # a track is a query time at one speed
    of, row = np.divmod(track, len(own_s))
    at_s = mapped_s.ravel()[track] + (at * step_s[of] + first_s[of])
    column = _nearest(other_s, at_s)
    near = np.abs(other_s[column] - at_s) <= _TOLERANCE_S
    # The columns of a line rise or fall with its rows, so only the row before can be near the same one.
    has_before = (row > 0) & (at >= begin[track - 1]) & (at < end[track - 1])
    before = np.where(has_before, np.cumsum(end - begin)[track - 1] - end[track - 1] + at, 0)
    again = has_before & near[before] & (column[before] == column)
    line, kept = (np.cumsum(n_offsets) - n_offsets)[of] + at, np.flatnonzero(near)
    offset_s = offset * step_s[speed] + first_s[speed]
    return _Lines(_SPEEDS[speed], offset_s, line[kept], row[kept], column[kept], ~again[kept])


def _inside(mapped_s: Times, duration_s: float, n_offsets: Indices, step_s: Times) -> tuple[Indices, Indices]:
    """Return first and end of the offsets, by their numbers, that map each track into the reference.

    Parameters
    ----------
    mapped_s
        Time of each track at the first offset, after the start of the reference, shape (speeds, times).
    """
    early_s = -_TOLERANCE_S - _ROUNDING_S - mapped_s
    late_s = duration_s + _TOLERANCE_S + _ROUNDING_S - mapped_s
    unit_s = np.maximum(step_s, _ROUNDING_S)[:, None]
    begin = np.maximum(0, np.ceil(early_s / unit_s)).astype(np.intp).ravel()
    end = np.minimum(n_offsets[:, None], np.floor(late_s / unit_s) + 1).astype(np.intp).ravel()
    return begin, np.maximum(begin, end)


def _ranges(begin: Indices, end: Indices) -> tuple[Indices, Indices]:
    """Return the integers of each range, one after the other: the number of the range, and the integer."""
    n = end - begin
    number = np.repeat(np.arange(len(n)), n)
    return number, np.arange(len(number)) + (begin - (np.cumsum(n) - n))[number]


def _nearest(times_s: Times, at_s: Times) -> Indices:
    """Return the index of the nearest time; `times_s` rises."""
    middles = (times_s[1:] + times_s[:-1]) / 2
    return np.searchsorted(middles, at_s)


def _nats(correlation: Times, n_times: Indices) -> Times:
    """Return the log-likelihood ratio of two normal distributions; a correlation beyond a mean is no less likely."""
    deviation = _OTHER_SD * np.sqrt(_OF_TIMES / np.maximum(n_times, 1))
    other = np.maximum(correlation - _OTHER, 0.0) / deviation
    copy = np.minimum(correlation - _COPY, 0.0) / _COPY_SD
    nats: Times = 0.5 * (other**2 - copy**2) + np.log(deviation / _COPY_SD)
    return nats
