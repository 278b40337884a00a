"""Evidence of a single still: a picture that was posted alone, or a video of one frame.

No second time can confirm where a still comes from, so two things count. How similar the nearest picture of the
reference is: chance never reaches the similarity from which a still is of the reference's scene, and that alone asks a
person. And whether only this picture of the reference is as similar: a still before a fixed camera shows which room it
is, not which recording, so it never acts. What it has beyond the others of its scene was tried as evidence of the
recording; two recordings of one room with nobody in it have nothing beyond it. ops/bench/stills.py measures both.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.fusion.stills import HALF_NATS, SCENE_NATS
from streams.match.normalisation import Rows

Times = npt.NDArray[np.float64]

_ACTS = 40.0
"""Most further evidence of the very picture; a quarter of it is a score of 0.81, from which a still acts."""
_APART_S = 1.0
"""Pictures of a reference nearer to each other may show one moment."""
_SCENE = 0.75
"""Cosine from which two pictures of a reference show one scene from one place."""
_AS_SIMILAR = 0.1
"""Pictures at other times that resemble the still nearly as much are of its scene too, whatever the light."""
_FEWEST = 3
"""Pictures of its scene at other times from which its camera stands still."""


class _Ramp(NamedTuple):
    """Share of the evidence of a similarity: none up to `low`, all from `high` on."""

    low: float
    high: float

    def share(self, value: float) -> float:
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))


_OF_SCENE = _Ramp(0.35, 0.6)
"""Unrelated stills stay below 0.52."""
_SPECIFIC = _Ramp(0.66, 0.86)
"""Of a picture that no scene of the reference shares."""
_EXACT = _Ramp(0.93, 1.0)
"""Of a reference with too few pictures to know what they share."""


class Still(NamedTuple):
    """The nearest picture of a reference."""

    score: float
    """Up to 0.75 of a still of its scene, up to 0.89 of this very picture."""
    time_s: float
    """In the reference."""


def is_one_moment(times_s: Times) -> bool:
    """Return whether a query has pictures of one moment only."""
    return len(times_s) > 0 and bool((times_s == times_s[0]).all())


def nearest_still(rows: Rows, similarity: Rows, vectors: Rows, times_s: Times, *, is_still: bool) -> Still | None:
    """Return the picture of a reference that a still shows, None without evidence of any.

    Parameters
    ----------
    rows
        Views of the still, float32 (n, d), of length 1.
    similarity
        Normalised cosines of these with the reference's, shape (n, m).
    vectors, times_s
        The reference's rows, (m, d), and their times, ascending; several rows of one time are views of one frame.
    is_still
        Whether the reference's camera stands still.
    """
    if not similarity.size:
        return None
    row, column = divmod(int(similarity.argmax()), similarity.shape[1])
    cosine, time_s = float(similarity[row, column]), float(times_s[column])
    evidence = SCENE_NATS * _OF_SCENE.share(cosine)
    if evidence >= SCENE_NATS and not is_still:
        evidence += _ACTS * _specific(cosine, rows[row], column, vectors, times_s)
    return Still(evidence / (evidence + HALF_NATS), time_s) if evidence > 0.0 else None


def _specific(cosine: float, row: Rows, column: int, vectors: Rows, times_s: Times) -> float:
    """Return how surely a still shows this picture of the reference and no other of its scene, 0 to 1."""
    others = _other_times(column, vectors, times_s)
    if len(others) < _FEWEST:
        return _EXACT.share(cosine)
    scene = others[(others @ vectors[column] >= _SCENE) | (others @ row >= cosine - _AS_SIMILAR)]
    if len(scene) < _FEWEST:
        return _SPECIFIC.share(cosine)
    return 0.0


def _other_times(column: int, vectors: Rows, times_s: Times) -> Rows:
    """Return the view most similar to one picture, of each time that is not near it."""
    away = np.abs(times_s - times_s[column]) > _APART_S
    if not away.any():
        return vectors[:0]
    cosines, rows = vectors[away] @ vectors[column], np.flatnonzero(away)
    order = np.lexsort((-cosines, times_s[away]))
    _, first = np.unique(times_s[away][order], return_index=True)
    found: Rows = vectors[rows[order[first]]]
    return found
