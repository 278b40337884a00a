"""Recordings by a camera that does not move: which room a frame shows, and which recording it is from.

Every frame of such a recording resembles every other one, and the frames of another recording before the same wall too.
So likeness is evidence of the room alone, and is limited. Recordings differ in how their descriptors vary around the
mean of a passage: room, light and constant edits are in the mean; what remains of query and reference correlates along
the true line of times only. This is true of one view of the frames: a whole frame and a part of it differ more than any
two whole frames.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from models.still_lines import Indices, Recording, Rows, Times, Tracks, best_lines
from models.voting import max_by

STILL = 0.7
"""Mean cosine between the times of a reference from which its camera stands still."""
_SHORTEST_S = 2.0
"""Length of a video of which one frame is kept, from which its camera stands still; a shorter one may be a picture."""
_SAMPLED = 32
"""Times of a reference that are compared for this."""
_OF_TIMES = 0.5
"""Share of the times that a view needs to be compared."""
_MOST_NATS, _LEAST_NATS = 20.0, -2.5
_NATS_EACH = 4.0
"""Most evidence of each time after the first: three times alone never act."""


def is_still(rows: Rows, times_s: Times, duration_s: float) -> bool:
    """Return whether a reference's frames resemble each other all along.

    Frames that add nothing are not kept, so one frame of a video is of a camera that stands still too; one picture has
    no camera.

    Parameters
    ----------
    rows
        L2-normalised, shape (n, d); several rows of one time are views of one frame.
    times_s
        Shape (n,), ascending.
    duration_s
        Length of the reference, 0 of a picture.
    """
    if not len(rows):
        return False
    if times_s[0] == times_s[-1]:
        return duration_s >= _SHORTEST_S
    track = rows[_views(times_s) == 0]
    if len(track) > _SAMPLED:
        track = track[np.unique(np.linspace(0, len(track) - 1, _SAMPLED).astype(np.intp))]
    n = len(track)
    likeness = float((track @ track.T).sum()) - n
    return likeness / (n * (n - 1)) >= STILL


class References(NamedTuple):
    """References whose cameras stand still; what all have is numbered from the first row of the first one on."""

    rows: Sequence[Rows]
    """L2-normalised, of each reference one at least, shapes (n, d)."""
    times_s: Sequence[Times]
    """Ascending, shapes (n,); several rows of one time are views of one frame."""

    def first(self) -> Indices:
        """Return the number of the first row of each reference."""
        return np.cumsum([0, *map(len, self.rows[:-1])])

    def each(self) -> list[slice]:
        """Return the numbers of the rows of each reference."""
        return [slice(first, first + len(rows)) for first, rows in zip(self.first().tolist(), self.rows, strict=True)]


def recording(query: Rows, query_s: Times, reference: Rows, reference_s: Times) -> Recording:
    """Return how a passage of a query varies along one reference, see `recordings`."""
    references, passage = References([reference], [reference_s]), np.arange(len(query))
    return recordings(query, query_s, [passage], references, query @ reference.T)[0]


def recordings(
    query: Rows, query_s: Times, passages: Sequence[Indices], references: References, cosines: Rows
) -> list[Recording]:
    """Return how a passage of a query varies along each reference, on the best line.

    Each side is compared in one view: in those two that resemble each other most, on average.

    Parameters
    ----------
    query
        L2-normalised rows, shape (n, d), with their times.
    passages
        Rows of the query that are compared with each reference, one at least.
    cosines
        Of the query with all references, shape (n, their rows).
    """
    view, other_views = _views(query_s), [_views(times_s) for times_s in references.times_s]
    each = zip(passages, references.each(), other_views, strict=True)
    alike = [_alike(cosines[passage, some], view[passage], of_rows) for passage, some, of_rows in each]
    own = [passage[view[passage] == seen] for passage, (seen, _) in zip(passages, alike, strict=True)]
    other = [of_rows == shown for of_rows, (_, shown) in zip(other_views, alike, strict=True)]
    found = best_lines(
        _centred([(query[rows], query_s[rows]) for rows in own]),
        _centred([(of[at], of_s[at]) for of, of_s, at in zip(references.rows, references.times_s, other, strict=True)]),
    )
    return [_limited(one) for one in found]


def _limited(found: Recording) -> Recording:
    most = min(_MOST_NATS, _NATS_EACH * max(0, found.n_times - 1))
    return found._replace(nats=min(max(found.nats, _LEAST_NATS), most))


def _views(times_s: Times) -> Indices:
    """Return the number of each row's view: its place among the rows of its time, of which the first is whole."""
    first = np.flatnonzero(np.diff(times_s, prepend=-np.inf))
    return np.arange(len(times_s)) - np.repeat(first, np.diff(first, append=len(times_s)))


def _alike(cosines: Rows, view: Indices, other_view: Indices) -> tuple[int, int]:
    """Return the views of query and reference that are most alike, of those that enough times have."""
    seen, shown = _usual(view), _usual(other_view)
    best = max_by(cosines.T, other_view, int(other_view.max()) + 1)[shown]
    is_seen = view == seen[:, None]
    mean = (best @ is_seen.T / is_seen.sum(axis=1)).T
    row, column = divmod(int(mean.argmax()), len(shown))
    return int(seen[row]), int(shown[column])


def _usual(view: Indices) -> Indices:
    n_times = np.bincount(view)
    return np.flatnonzero(n_times >= _OF_TIMES * n_times[0])


def _centred(recorded: Sequence[tuple[Rows, Times]]) -> Tracks:
    """Return the tracks of recordings, of which each has rows and their times."""
    rows, times_s = zip(*recorded, strict=True)
    track = np.concatenate([each - each.mean(axis=0) for each in rows])
    first = np.cumsum([0, *map(len, times_s[:-1])])
    return Tracks(track, (track**2).sum(axis=1), np.concatenate(times_s), first)
