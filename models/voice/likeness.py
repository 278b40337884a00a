"""How much of a post sounds like the voice of a reference.

Voices differ less than pictures do: two strangers' cosine is 0.6 to 0.8. So one window proves nothing; what counts is
a run of windows, each compared with the best part of the reference, which may hold more voices than one.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

_RUN = 6
"""Windows of speech in a row that are judged together, 5.6 s: of less speech nothing is said."""
_SHARE = 0.5
"""Of the reference's windows, the likest ones: whose voice the others are nobody knows."""
_ALIKE = 0.92
"""Mean cosine at which one stranger in a hundred is taken for the person, ops/bench/voice.py: scored `_ASKING`."""
_ASKING = 0.8
"""Score at which the fusion models have a probability of one half."""
_SLOPE = 5.0


class Likeness(NamedTuple):
    """The stretch of a post that sounds most like a reference."""

    score: float
    """0 to 1; 0.8 where a person should listen."""
    query: tuple[float, float]
    """When the first and the last of its windows begin, seconds."""


def likest(similarity: npt.NDArray[np.float32], times_s: npt.NDArray[np.float64]) -> Likeness | None:
    """Return the likest run of windows; None if either side has too little speech or nothing is alike.

    Parameters
    ----------
    similarity
        Cosines, shape (windows of the post, windows of the reference).
    times_s
        Of the post's windows, ascending, shape (windows of the post,).
    """
    n_query, n_reference = similarity.shape
    if min(n_query, n_reference) < _RUN:
        return None
    n_best = max(_RUN, round(_SHARE * n_reference))
    by_window = np.sort(similarity, axis=1)[:, -n_best:].mean(axis=1)
    runs = np.convolve(by_window, np.full(_RUN, 1 / _RUN), "valid")
    first = int(runs.argmax())
    score = min(1.0, max(0.0, _ASKING + _SLOPE * (float(runs[first]) - _ALIKE)))
    return Likeness(score, (float(times_s[first]), float(times_s[first + _RUN - 1]))) if score > 0.0 else None
