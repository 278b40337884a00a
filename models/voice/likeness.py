"""Similarity of the voices in a post to the voice of a reference.

Voices differ less than pictures, and a single window is weak evidence: the mean of a run of windows is compared with
the mean of the most similar part of the reference, which may contain more than one voice.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

RUN = 6
"""Windows of speech in a row that are compared together, 5.6 s: less speech is not compared."""
_SHARE = 0.5
"""Share of the reference's windows that are compared, the most similar ones: the others may be of another voice."""
_ALIKE = 0.93
"""Cosine of the equal error rate in ops/bench/voice.py."""
_ASKING = 0.8
"""Score of that cosine, at which the fusion models have a probability of one half."""
_SLOPE = 5.0

Rows = npt.NDArray[np.float32]


class Likeness(NamedTuple):
    """The stretch of a post most similar to a reference."""

    score: float
    """0 to 1; from 0.8 a person should listen."""
    query: tuple[float, float]
    """Start of its first and last window, seconds."""


def runs_of(post: Rows) -> Rows:
    """Return the mean of each run of windows, of length 1, shape (n - RUN + 1, d); none with too little speech.

    Parameters
    ----------
    post
        A row of length 1 for each window, shape (n, d).
    """
    if len(post) < RUN:
        return post[:0]
    return _unit(np.lib.stride_tricks.sliding_window_view(post, RUN, axis=0).mean(axis=2))


def most_similar_run(runs: Rows, times_s: npt.NDArray[np.float64], reference: Rows) -> Likeness | None:
    """Return the most similar run of windows; None if either side has too little speech or the score is 0.

    Parameters
    ----------
    runs
        Of a post, see `runs_of`: they are the same for all references.
    times_s
        Starts of the post's windows, ascending, shape (n,).
    reference
        A row of length 1 for each window, shape (m, d).
    """
    if not len(runs) or len(reference) < RUN:
        return None
    n_best = max(RUN, round(_SHARE * len(reference)))
    best = np.argsort(runs @ reference.T, axis=1)[:, -n_best:]
    chosen = np.zeros((len(runs), len(reference)), np.float32)
    np.put_along_axis(chosen, best, 1.0, axis=1)
    alike = np.sum(runs * _unit(chosen @ reference), axis=1)
    first = int(alike.argmax())
    score = min(1.0, max(0.0, _ASKING + _SLOPE * (float(alike[first]) - _ALIKE)))
    return Likeness(score, (float(times_s[first]), float(times_s[first + RUN - 1]))) if score > 0.0 else None


def _unit(rows: Rows) -> Rows:
    lengths: Rows = np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9).astype(np.float32)
    return rows / lengths
