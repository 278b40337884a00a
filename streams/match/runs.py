"""Runs of rows: what a reference shows from one time to another, as one row; a still scene has few of them."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from streams.match.normalisation import Rows

type Times = npt.NDArray[np.float64]


class Runs(NamedTuple):
    """Rows and the interval in which the reference shows each."""

    rows: Rows
    """Mean of each run's rows, of length 1: nearer to most of them than any of them is; shape (n, d)."""
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
    run_of = np.zeros(len(rows), np.intp)
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
            run_of[row] = run
            continued.append(run)
        current = list(dict.fromkeys(continued))
    return Runs(_means(rows, run_of, len(first)), times_s[first], np.array(end_s, np.float64))


def _means(rows: Rows, run_of: npt.NDArray[np.intp], n_runs: int) -> Rows:
    order = np.argsort(run_of, kind="stable")
    total = np.add.reduceat(rows[order], np.searchsorted(run_of[order], np.arange(n_runs)), axis=0) if n_runs else rows
    of_length_one: Rows = total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), np.float32(1e-9))
    return of_length_one
