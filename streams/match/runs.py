"""Runs of rows: a reference's rows without those that show the same as the frame before, but with their times."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from streams.match.normalisation import Rows

type Times = npt.NDArray[np.float64]


class Runs(NamedTuple):
    """Rows and the interval in which the reference shows each."""

    rows: Rows
    """Shape (n, d)."""
    start_s: Times
    end_s: Times


def runs(rows: Rows, times_s: Times, alike: float) -> Runs:
    """Return the runs of a reference, in time order.

    Parameters
    ----------
    rows
        Rows of length 1, shape (n, d).
    times_s
        Ascending, shape (n,); several rows of one time are views of one frame.
    alike
        Cosine with the first row of a run from which a row of the next frame continues it.
    """
    first: list[int] = []
    end_s: list[float] = []
    current: list[int] = []
    for frame in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(times_s)) + 1 if len(rows) else []):
        continued: list[int] = []
        nearest = (rows[frame] @ rows[[first[run] for run in current]].T) if current else np.zeros((len(frame), 0))
        for row, similarity in zip(frame.tolist(), nearest, strict=True):
            at = int(similarity.argmax()) if len(similarity) else -1
            if at >= 0 and similarity[at] >= alike:
                run = current[at]
                end_s[run] = float(times_s[row])
            else:
                run = len(first)
                first.append(row)
                end_s.append(float(times_s[row]))
            continued.append(run)
        current = list(dict.fromkeys(continued))
    return Runs(rows[first], times_s[first], np.array(end_s, np.float64))
