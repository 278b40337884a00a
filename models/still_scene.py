"""Recordings by a camera that does not move: which room a frame shows, and which recording it is from.

Every frame of such a recording resembles every other one, and the frames of another recording before the same wall too.
So likeness is evidence of the room alone, and is limited. Recordings differ in how their descriptors vary around the
mean of a passage: room, light and constant edits are in the mean; what remains of query and reference correlates along
the true line of times only.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.float32]
Times = npt.NDArray[np.float64]

STILL = 0.7
"""Mean cosine between the times of a reference from which its camera stands still."""
_SAMPLED = 32
"""Times of a reference that are compared for this."""
_STEP_S = 0.25
_MOST_OFFSETS = 4096
"""Offsets tried for one speed; beyond it they are further apart."""
_TOLERANCE_S = 0.6
"""Largest distance of a query time to a reference time: half the step of a reference, and a little."""
_SPEEDS = (1.0, 0.9, 1.1, 0.8, 1.25, 0.67, 1.5, 0.5, 2.0, -1.0)
"""Speeds tried, -1 is reversed."""
_SPEED_NATS = 1.5
"""Penalty of every speed but 1."""
_LEAST_TIMES = 3
"""Times from which a correlation is compared."""
_OTHER, _OTHER_SD, _COPY, _COPY_SD, _OF_TIMES = 0.1, 0.1, 0.65, 0.22, 5.0
"""Correlation of other recordings of a room, after the search for the best line, and of copies: mean and deviation."""
_MOST_NATS, _LEAST_NATS = 20.0, -5.0
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


class _Track(NamedTuple):
    """One view of a scene over time, less its mean."""

    rows: Rows
    power: Rows
    times_s: Times


def is_still(rows: Rows, times_s: Times) -> bool:
    """Return whether a reference's frames resemble each other all along; one picture has no camera.

    Parameters
    ----------
    rows
        L2-normalised, shape (n, d); several rows of one time are views of one frame.
    times_s
        Shape (n,), ascending.
    """
    if not len(rows) or times_s[0] == times_s[-1]:
        return False
    middle = int(np.searchsorted(times_s, times_s[len(rows) // 2]))  # the full view, which comes first
    track = _view(rows, times_s, rows[middle])[0]
    some = track[np.unique(np.linspace(0, len(track) - 1, _SAMPLED).astype(np.intp))]
    n = len(some)
    likeness = float((some @ some.T).sum()) - n
    return likeness / (n * (n - 1)) >= STILL


def recording(query: Rows, query_s: Times, reference: Rows, reference_s: Times) -> Recording:
    """Return how a passage of a query varies along a reference, on the best line.

    Of several rows of one time, the one is compared that resembles the best match of the other side most: one view.

    Parameters
    ----------
    query
        L2-normalised rows of the passage, shape (n, d), with their times, ascending.
    reference
        Likewise, shape (m, d).
    """
    similarity = query @ reference.T
    row, column = np.unravel_index(int(similarity.argmax()), similarity.shape)
    own, other = _centred(query, query_s, reference[column]), _centred(reference, reference_s, query[row])
    best = max(_lines(own, other), key=lambda line: line.nats, default=Recording())
    return best._replace(nats=min(max(best.nats, _LEAST_NATS), _MOST_NATS))


def _view(rows: Rows, times_s: Times, anchor: Rows) -> tuple[Rows, Times]:
    """Return the row of each time that resembles the anchor most."""
    times, group = np.unique(times_s, return_inverse=True)
    order = np.lexsort((rows @ anchor, group))
    last = np.searchsorted(group[order], np.arange(len(times)), side="right") - 1
    return rows[order[last]], times


def _centred(rows: Rows, times_s: Times, anchor: Rows) -> _Track:
    track, times = _view(rows, times_s, anchor)
    track = track - track.mean(axis=0)
    return _Track(track, (track**2).sum(axis=1), times)


def _lines(own: _Track, other: _Track) -> Iterator[Recording]:
    """Yield the best line of each speed on which enough times lie."""
    products = own.rows @ other.rows.T
    for speed in _SPEEDS:
        at_s = speed * own.times_s + _offsets(speed * own.times_s, other.times_s)[:, None]
        column = _nearest(other.times_s, at_s)
        on_line = np.abs(other.times_s[column] - at_s) <= _TOLERANCE_S
        total = _sum(products[np.arange(len(products)), column], on_line)
        power = _sum(own.power, on_line) * _sum(other.power[column], on_line)
        correlation = total / np.sqrt(np.maximum(power, _LEAST_POWER))
        # Query times within one step of the reference are compared with one row, and count once.
        n_times = _distinct(column, on_line)
        nats = np.where(n_times >= _LEAST_TIMES, _nats(correlation, n_times), -np.inf)
        best = int(nats.argmax())
        if n_times[best] >= _LEAST_TIMES:
            penalty = 0.0 if speed == 1.0 else _SPEED_NATS
            yield Recording(
                float(nats[best]) - penalty,
                float(correlation[best]),
                int(n_times[best]),
                speed,
                float(at_s[best, 0] - speed * own.times_s[0]),
            )


def _offsets(at_s: Times, times_s: Times) -> Times:
    first, last = float(times_s[0] - at_s.max()), float(times_s[-1] - at_s.min())
    return np.linspace(first, last, min(_MOST_OFFSETS, int((last - first) / _STEP_S) + 1))


def _nearest(times_s: Times, at_s: Times) -> npt.NDArray[np.intp]:
    """Return the index of the nearest time; `times_s` rises."""
    middles = (times_s[1:] + times_s[:-1]) / 2
    return np.searchsorted(middles, at_s)


def _distinct(column: npt.NDArray[np.intp], on_line: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """Return the number of different columns on each line, shape (lines,)."""
    ordered = np.sort(np.where(on_line, column, -1), axis=1)
    first = np.concatenate([ordered[:, :1] >= 0, np.diff(ordered, axis=1) > 0], axis=1)
    n_times: npt.NDArray[np.intp] = np.count_nonzero(first, axis=1)
    return n_times


def _sum(values: Rows, on_line: npt.NDArray[np.bool_]) -> Times:
    total: Times = np.where(on_line, values, 0.0).sum(axis=1)
    return total


def _nats(correlation: Times, n_times: npt.NDArray[np.intp]) -> Times:
    """Return the log-likelihood ratio of two normal distributions; a correlation beyond a mean is no less likely."""
    deviation = _OTHER_SD * np.sqrt(_OF_TIMES / np.maximum(n_times, 1))
    other = np.maximum(correlation - _OTHER, 0.0) / deviation
    copy = np.minimum(correlation - _COPY, 0.0) / _COPY_SD
    nats: Times = 0.5 * (other**2 - copy**2) + np.log(deviation / _COPY_SD)
    return nats
