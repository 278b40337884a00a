"""Recordings by a camera that does not move: which room a frame shows, and which recording it is from.

Every frame of such a recording resembles every other one, and the frames of another recording before the same wall too.
So likeness is evidence of the room alone, and is limited. Recordings differ in how their descriptors vary around the
mean of a passage: room, light and constant edits are in the mean; what remains of query and reference correlates along
the true line of times only.
"""

import numpy as np

from models.still_lines import Recording, Rows, Times, Track, best_line

STILL = 0.7
"""Mean cosine between the times of a reference from which its camera stands still."""
_SAMPLED = 32
"""Times of a reference that are compared for this."""
_MOST_NATS, _LEAST_NATS = 20.0, -5.0


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
    best = best_line(own, other)
    return best._replace(nats=min(max(best.nats, _LEAST_NATS), _MOST_NATS))


def _view(rows: Rows, times_s: Times, anchor: Rows) -> tuple[Rows, Times]:
    """Return the row of each time that resembles the anchor most."""
    times, group = np.unique(times_s, return_inverse=True)
    order = np.lexsort((rows @ anchor, group))
    last = np.searchsorted(group[order], np.arange(len(times)), side="right") - 1
    return rows[order[last]], times


def _centred(rows: Rows, times_s: Times, anchor: Rows) -> Track:
    track, times = _view(rows, times_s, anchor)
    track = track - track.mean(axis=0)
    return Track(track, (track**2).sum(axis=1), times)
