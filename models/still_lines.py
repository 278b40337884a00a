"""Lines of times along which two recordings by a camera that does not move vary alike.

A line is reference time = speed x query time + offset. Only the pairs of a line and a query time are computed at which
the reference has a time: of a long query along a short reference these are few. Of several query times near one
reference time the nearest counts: a person who walks looks different half a second later.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.float32]
Times = npt.NDArray[np.float64]
type Indices = npt.NDArray[np.intp]
type Truth = npt.NDArray[np.bool_]

_STEP_S = 0.25
_MOST_OFFSETS = 4096
"""Offsets tried for one speed; beyond it they are further apart."""
_TOLERANCE_S = 0.6
"""Largest distance of a query time to a reference time: half the step of a reference, and a little."""
_ROUNDING_S = 1e-6
_SPEEDS = np.array([1.0, 0.9, 1.1, 0.8, 1.25, 0.67, 1.5, 0.5, 2.0, -1.0])
"""Speeds tried, -1 is reversed."""
_SPEED_NATS = 2.5
"""Penalty of every speed but 1."""
_LEAST_TIMES = 3
"""Times from which a correlation is compared."""
_OTHER, _OTHER_SD, _COPY, _COPY_SD, _OF_TIMES = 0.1, 0.105, 0.65, 0.25, 5.0
"""Correlation of other recordings of a room, after the search for the best line, and of copies: mean and deviation."""
_INDEPENDENT = 0.25
"""Power of the number of times with which the deviation of other recordings falls: people stay for longer than the time
from one frame to the next, so times are not independent, whose deviation would fall with the root."""
_LEAST_POWER = 1e-9
_PARTS = 2.0**47
"""Parts of one that are added up."""
_STEP_PAIRS = 20_000
"""Pairs of times, each at one speed, whose lines are found in one step: bounds the memory."""


class Recording(NamedTuple):
    """The line along which query and reference vary alike, and how much."""

    nats: float = 0.0
    """Log-likelihood ratio of one recording to another of the same room; 0 if there are too few times."""
    correlation: float = 0.0
    n_times: int = 0
    speed: float = 1.0
    offset_s: float = 0.0
    """Reference time = speed x query time + offset."""


class Tracks(NamedTuple):
    """One view of each of some recordings over time, less its mean: one track after the other."""

    rows: Rows
    power: Rows
    times_s: Times
    first: Indices
    """Where each track begins."""

    @property
    def last(self) -> Indices:
        """Where each track ends."""
        return np.append(self.first[1:], len(self.times_s)) - 1

    def each(self, of_rows: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
        """Return what the rows have, by track."""
        return np.split(of_rows, self.first[1:])


class _Compared(NamedTuple):
    """Tracks that are compared at one speed each, and the offsets tried, equally far apart; shape (n,)."""

    track: Indices
    speed: Times
    first_s: Times
    step_s: Times
    n: Indices

    def offset_s(self, compared: Indices, at: Indices) -> Times:
        """Return the offsets of these numbers, shape (n,)."""
        found: Times = at * self.step_s[compared] + self.first_s[compared]
        return found

    def steps(self, compared: Indices, offset_s: Times) -> Indices:
        """Return the number of the first offset that is not below, shape (n,); n where there is none."""
        steps = (offset_s - self.first_s[compared]) / np.maximum(self.step_s, _ROUNDING_S)[compared]
        return np.clip(np.ceil(steps), 0, self.n[compared]).astype(np.intp)


class _Pairs(NamedTuple):
    """All pairs of a query time and a reference time that are compared, and the lines on which they are near; (n,)."""

    own: Indices
    """Number of the query time in all tracks."""
    other: Indices
    begin: Indices
    """First line on which they are near, and each the other's nearest one; offsets rise from line to line."""
    end: Indices
    """Line after the last one; `begin` without any."""

    def n_times(self, n_lines: int) -> Indices:
        """Return the number of reference times on each line."""
        counted: Indices = _on_lines(self.begin, self.end, n_lines)
        return counted

    def sums(self, numbers: Rows, n_lines: int) -> Times:
        """Return the sum of each line's numbers, one of each pair.

        They are added as whole numbers, without rounding: of lines with the same pairs none has more by chance.
        """
        total: Times = _on_lines(self.begin, self.end, n_lines, np.rint(numbers * _PARTS)) / _PARTS
        return total


def best_lines(own: Tracks, other: Tracks) -> list[Recording]:
    """Return of each track and its other one the line with most evidence; without enough times on one, no evidence."""
    found = [Recording()] * len(own.first)
    track, speed = _possible(own, other)
    product = [ours @ theirs.T for ours, theirs in zip(own.each(own.rows), other.each(other.rows), strict=True)]
    n_pairs = np.array([one.size for one in product])[track]
    for some in np.split(np.arange(len(track)), np.flatnonzero(np.diff(np.cumsum(n_pairs) // _STEP_PAIRS)) + 1):
        for at, one in _best_of(track[some], speed[some], own, other, product):
            if one.nats > found[at].nats or not found[at].n_times:
                found[at] = one
    return found


def _possible(own: Tracks, other: Tracks) -> tuple[Indices, Times]:
    """Return the tracks and the speeds at which enough of their times can be near the other one's."""
    spans_s = (one[_LEAST_TIMES - 1 :] - one[: 1 - _LEAST_TIMES] for one in own.each(own.times_s))
    shortest_s = np.array([one.min(initial=np.inf) for one in spans_s])
    longest_s = other.times_s[other.last] - other.times_s[other.first] + 2 * (_TOLERANCE_S + _ROUNDING_S)
    longest_s[other.last - other.first < _LEAST_TIMES - 1] = -np.inf
    track, speed = np.nonzero(np.abs(_SPEEDS) * shortest_s[:, None] <= longest_s[:, None])
    return track, _SPEEDS[speed]


def _best_of(
    track: Indices, speed: Times, own: Tracks, other: Tracks, product: list[Rows]
) -> Iterator[tuple[int, Recording]]:
    """Yield the best line of each track, of those at the speeds given."""
    compared, pairs = _lines(track, speed, own, other)
    line, n_lines = _ranges(np.zeros_like(compared.n), compared.n), int(compared.n.sum())
    n_times = pairs.n_times(n_lines)
    enough = np.flatnonzero(n_times >= _LEAST_TIMES)
    if not len(enough):
        return
    each = np.concatenate([product[at].ravel() for at in track]), own.power[pairs.own], other.power[pairs.other]
    total, own_power, other_power = (pairs.sums(numbers, n_lines)[enough] for numbers in each)
    correlation = total / np.sqrt(np.maximum(own_power * other_power, _LEAST_POWER))
    of, at = (one[enough] for one in line)
    nats = _nats(correlation, n_times[enough]) - np.where(speed[of] == 1.0, 0.0, _SPEED_NATS)
    order = np.lexsort((-nats, track[of]))
    _, best = np.unique(track[of][order], return_index=True)
    for one in order[best].tolist():
        offset_s = float(compared.offset_s(of[one], at[one]))
        n_best = int(n_times[enough[one]])
        yield (
            int(track[of[one]]),
            Recording(float(nats[one]), float(correlation[one]), n_best, float(speed[of[one]]), offset_s),
        )


def _lines(track: Indices, speed: Times, own: Tracks, other: Tracks) -> tuple[_Compared, _Pairs]:
    """Return the offsets of these tracks and speeds, and the pairs of their times."""
    row_of, row = _ranges(own.first[track], own.last[track] + 1)
    mapped_s, first_row = speed[row_of] * own.times_s[row], np.flatnonzero(np.diff(row_of, prepend=-1))
    first_s = other.times_s[other.first[track]] - np.maximum.reduceat(mapped_s, first_row)
    span_s = other.times_s[other.last[track]] - np.minimum.reduceat(mapped_s, first_row) - first_s
    n_offsets = np.minimum(_MOST_OFFSETS, (span_s / _STEP_S).astype(np.intp) + 1)
    compared = _Compared(track, speed, first_s, span_s / np.maximum(1, n_offsets - 1), n_offsets)
    of_row, column = _ranges(other.first[track][row_of], other.last[track][row_of] + 1)
    of = row_of[of_row]
    begin, end = _near(compared, of, mapped_s[of_row], other, column)
    lower_s, upper_s = _middles(mapped_s, first_row, speed[row_of])
    nearest, after = (compared.steps(of, other.times_s[column] - limit_s[of_row]) for limit_s in (upper_s, lower_s))
    begin, end = np.maximum(begin, nearest), np.minimum(end, after)
    line = (np.cumsum(n_offsets) - n_offsets)[of]
    return compared, _Pairs(row[of_row], column, line + begin, line + np.maximum(begin, end))


def _middles(mapped_s: Times, first: Indices, speed: Times) -> tuple[Times, Times]:
    """Return the middles between each time and those next to it in its track, below and above; infinite at the ends.

    Parameters
    ----------
    mapped_s
        Times at the speed of each, rising in each track or falling.
    first
        Where each track begins.
    """
    middles_s = (mapped_s[1:] + mapped_s[:-1]) / 2
    before_s, after_s = np.append(0.0, middles_s), np.append(middles_s, 0.0)
    last = np.append(first, len(mapped_s))[1:] - 1
    before_s[first], after_s[last] = -np.inf * speed[first], np.inf * speed[last]
    return np.minimum(before_s, after_s), np.maximum(before_s, after_s)


def _near(compared: _Compared, of: Indices, mapped_s: Times, other: Tracks, column: Indices) -> tuple[Indices, Indices]:
    """Return the first offset at which each reference time is the nearest one and near, and the one after the last."""
    middles_s = (other.times_s[1:] + other.times_s[:-1]) / 2
    after_s, until_s = np.append(-np.inf, middles_s), np.append(middles_s, np.inf)
    after_s[other.first], until_s[other.last] = -np.inf, np.inf
    begins_s = np.maximum(after_s, other.times_s - _TOLERANCE_S)
    ends_s = np.minimum(until_s, other.times_s + _TOLERANCE_S)

    def begun(at_s: Times, at: Indices) -> Truth:
        return (at_s > after_s[at]) & (other.times_s[at] - at_s <= _TOLERANCE_S)

    def ended(at_s: Times, at: Indices) -> Truth:
        return (at_s > until_s[at]) | (at_s - other.times_s[at] > _TOLERANCE_S)

    least_s, step_s = compared.first_s[of] + mapped_s, np.maximum(compared.step_s, _ROUNDING_S)[of]
    found = []
    for limit_s, holds in ((begins_s, begun), (ends_s, ended)):
        steps = (limit_s[column] - least_s) / step_s
        at = np.ceil(steps)
        # An offset that is at the limit, up to rounding, is compared as it is.
        some = np.flatnonzero(np.abs(steps - np.rint(steps)) < _ROUNDING_S)
        about = np.rint(steps[some])
        at[some] = about + ~holds(mapped_s[some] + compared.offset_s(of[some], about), column[some])
        found.append(np.minimum(np.maximum(at, 0), compared.n[of]).astype(np.intp))
    return found[0], np.maximum(*found)


def _on_lines(begin: Indices, end: Indices, n_lines: int, numbers: Rows | None = None) -> npt.NDArray[Any]:
    """Return the sum on each line of the numbers of what is on it from `begin` to `end`; without numbers, how many."""
    begun, ended = (np.bincount(at, numbers, n_lines + 1) for at in (begin, end))
    return np.cumsum(begun - ended)[:-1]


def _ranges(begin: Indices, end: Indices) -> tuple[Indices, Indices]:
    """Return the integers of each range, one after the other: the number of the range, and the integer."""
    n = end - begin
    number = np.repeat(np.arange(len(n)), n)
    return number, np.arange(len(number)) + (begin - (np.cumsum(n) - n))[number]


def _nats(correlation: Times, n_times: Indices) -> Times:
    """Return the log-likelihood ratio of two normal distributions; a correlation beyond a mean is no less likely."""
    deviation = _OTHER_SD * (_OF_TIMES / np.maximum(n_times, 1)) ** _INDEPENDENT
    other = np.maximum(correlation - _OTHER, 0.0) / deviation
    copy = np.minimum(correlation - _COPY, 0.0) / _COPY_SD
    nats: Times = 0.5 * (other**2 - copy**2) + np.log(deviation / _COPY_SD)
    return nats
