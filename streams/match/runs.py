"""Runs of rows: what a reference shows from one time to another, as one row; a still scene has few of them."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from streams.match.normalisation import Rows

type Times = npt.NDArray[np.float64]
type Indices = npt.NDArray[np.intp]

_AHEAD = 64
"""Rows compared with the first of a run in one step."""


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
    bounds = np.flatnonzero(np.diff(times_s, prepend=-np.inf, append=np.inf))
    first_of = _of_views(rows, bounds.tolist(), alike) if len(bounds) <= len(rows) else _of_single_rows(rows, alike)
    first = np.flatnonzero(first_of == np.arange(len(rows)))
    order = np.argsort(first_of, kind="stable")
    begin, end = (np.searchsorted(first_of[order], first, side) for side in ("left", "right"))
    return Runs(_means(rows[order], begin), times_s[first], times_s[order[end - 1]])


def _of_single_rows(rows: Rows, alike: float) -> Indices:
    """Return the first row of each row's run, where no frame has several rows."""
    first_of = np.arange(len(rows))
    first, at = 0, 1
    while at < len(rows):
        continues = rows[at : at + _AHEAD] @ rows[first] >= alike
        n_rows = len(continues) if continues.all() else int(continues.argmin())
        first_of[at : at + n_rows] = first
        at += n_rows
        if n_rows < len(continues):
            first, at = at, at + 1
    return first_of


def _of_views(rows: Rows, bounds: list[int], alike: float) -> Indices:
    """Return the first row of each row's run; frame i has the rows from bounds[i] to bounds[i + 1]."""
    first_of = np.arange(len(rows))
    shown = first_of[: bounds[1]]
    for begin, end in pairwise(bounds[1:]):
        similarity = rows[begin:end] @ rows[shown].T
        continued = shown[similarity.argmax(axis=1)]
        np.copyto(first_of[begin:end], continued, where=similarity.max(axis=1) >= alike)
        shown = np.array(list(dict.fromkeys(first_of[begin:end].tolist())))
    return first_of


def _means(ordered: Rows, begin: Indices) -> Rows:
    """Return the mean of the rows of each run, of length 1; the rows of run i begin at begin[i]."""
    total = np.add.reduceat(ordered, begin, axis=0) if len(begin) else ordered
    of_length_one: Rows = total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), np.float32(1e-9))
    return of_length_one
