"""Evidence of a single still: a picture that was posted alone, or a video of one frame.

No second time can confirm where a still comes from, so two things count. How similar the nearest picture of the
reference is: chance never reaches the similarity from which a still is of the reference's scene, and that alone asks a
person. And whether only this picture of the reference is as similar: a still before a fixed camera shows which room it
is, not which recording, so it never acts. What it has beyond the others of its scene was tried as evidence of the
recording; two recordings of one room with nobody in it have nothing beyond it. ops/bench/stills.py measures both.

Of two recordings of one room, a still as a whole is nearer to its own, by light and people. Where both are references,
that of the other case does not ask, whatever parts of the still show, which may be of the room alone; nor do parts ask
for other rooms if they are nearer to their own (query_similarities.py).

A still that shows no more than one shot has the whole stretch of the reference in which the shot is seen, first to last
time: fusion joins stills of one post whose stretches do not overlap, see models/fusion/stills.py. Where a camera stands
still for longer it may be a fixed one, and the still has no stretch: several rooms of one house are no recording.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.fusion.stills import HALF_NATS, SCENE_NATS
from models.visual.cuts import MIRRORED
from schemas.messages import Descriptors
from streams.match.normalisation import Rows

Times = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

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
_LONGEST_SHOT = 15
"""Most pictures, about a second apart, of one shot; with more its camera may be a fixed one."""


class _Ramp(NamedTuple):
    """Share of the evidence of a similarity: none up to `low`, all from `high` on."""

    low: float
    high: float

    def share(self, value: float) -> float:
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))


LEAST_COSINE = 0.35
"""Cosine up to which a picture is no evidence."""
OF_ROOM = 0.65
"""Cosine from which a whole picture is of a reference's room; a collage of two rooms is less like either."""
_OF_SCENE = _Ramp(LEAST_COSINE, 0.6)
"""Unrelated stills stay below 0.52."""
_SPECIFIC = _Ramp(0.66, 0.86)
"""Of a picture that no scene of the reference shares."""
_EXACT = _Ramp(0.93, 1.0)
"""Of a reference with too few pictures to determine what they share."""


class Still(NamedTuple):
    """What a still shows of a reference."""

    score: float
    """Up to 0.75 of a still of its scene, up to 0.89 of this very picture."""
    start_s: float
    """Time of the nearest picture in the reference; of a shot, its first."""
    end_s: float
    """The same time; of a shot, its last."""


def is_one_moment(times_s: Times) -> bool:
    """Return whether a query has pictures of one moment only."""
    return len(times_s) > 0 and bool((times_s == times_s[0]).all())


def whole_pictures(query: Descriptors) -> Indices:
    """Return the rows of a still that show all of it, as it is and mirrored; none of a query with several moments."""
    is_still = query.modality == "visual" and is_one_moment(np.asarray(query.times_s))
    return np.flatnonzero(np.isin(query.views, (0, MIRRORED))) if is_still else np.zeros(0, np.intp)


def nearest_still(rows: Rows, similarity: Rows, vectors: Rows, times_s: Times, *, is_still: bool) -> Still | None:
    """Return the picture or the shot of a reference that a still shows, None without evidence of any.

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
    if evidence <= 0.0:
        return None
    if evidence < SCENE_NATS or is_still:
        return Still(_score(evidence), time_s, time_s)
    others = _other_times(column, vectors, times_s)
    pictures, ramp = vectors[others], _SPECIFIC if len(others) >= _FEWEST else _EXACT
    scene = others[(pictures @ vectors[column] >= _SCENE) | (pictures @ rows[row] >= cosine - _AS_SIMILAR)]
    if len(scene) < _FEWEST:
        return Still(_score(evidence + _ACTS * ramp.share(cosine)), time_s, time_s)
    seen_s = (time_s, *times_s[scene].tolist()) if len(scene) <= _LONGEST_SHOT else (time_s,)
    return Still(_score(evidence), min(seen_s), max(seen_s))


def _score(evidence: float) -> float:
    return evidence / (evidence + HALF_NATS)


def _other_times(column: int, vectors: Rows, times_s: Times) -> Indices:
    """Return the row most similar to one picture, of each time that is not near it."""
    rows = np.flatnonzero(np.abs(times_s - times_s[column]) > _APART_S)
    order = np.lexsort((-(vectors[rows] @ vectors[column]), times_s[rows]))
    _, first = np.unique(times_s[rows][order], return_index=True)
    return rows[order[first]]
