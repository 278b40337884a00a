"""Recordings by a camera that does not move: which room a frame shows, and which recording it is from.

Every frame of such a recording resembles every other one, and the frames of another recording before the same wall too.
So likeness is evidence of the room alone, and is limited. Recordings differ in how their descriptors vary around the
mean of a passage: room, light and constant edits are in the mean; what remains of query and reference correlates along
the true line of times only.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from models.still_lines import Indices, Recording, Rows, Times, Tracks, best_lines

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
    track = rows[_views(rows @ rows[middle], times_s, np.zeros(len(rows), np.intp))]
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

    def at(self, numbers: Indices, of: Indices) -> Rows:
        """Return the rows of these numbers, which are in the order of their references, `of`."""
        some = np.split(numbers - self.first()[of], np.flatnonzero(np.diff(of)) + 1)
        return np.concatenate([rows[at] for rows, at in zip(self.rows, some, strict=True)])


def recording(query: Rows, query_s: Times, reference: Rows, reference_s: Times) -> Recording:
    """Return how a passage of a query varies along one reference, see `recordings`."""
    references, passage = References([reference], [reference_s]), np.arange(len(query))
    return recordings(query, query_s, [passage], references, query @ reference.T)[0]


def recordings(
    query: Rows, query_s: Times, passages: Sequence[Indices], references: References, cosines: Rows
) -> list[Recording]:
    """Return how a passage of a query varies along each reference, on the best line.

    Of several rows of one time, the one is compared that resembles the best match of the other side most: one view.

    Parameters
    ----------
    query
        L2-normalised rows, shape (n, d), with their times.
    passages
        Rows of the query that are compared with each reference, one at least.
    cosines
        Of the query with all references, shape (n, their rows).
    """
    best = [_most_similar(cosines, *one) for one in zip(passages, references.each(), strict=True)]
    row, column = np.array(best, np.intp).reshape(-1, 2).T
    of_row, own = _numbered(list(map(len, passages))), np.concatenate(passages)
    own_view = _views(cosines[own, column[of_row]], query_s[own], of_row)
    of_column, times_s = _numbered(list(map(len, references.rows))), np.concatenate(references.times_s)
    other_view = _views(cosines[row[of_column], np.arange(len(times_s))], times_s, of_column)
    found = best_lines(
        _centred(query[own[own_view]], query_s[own[own_view]], of_row[own_view]),
        _centred(references.at(other_view, of_column[other_view]), times_s[other_view], of_column[other_view]),
    )
    return [one._replace(nats=min(max(one.nats, _LEAST_NATS), _MOST_NATS)) for one in found]


def _most_similar(cosines: Rows, passage: Indices, own: slice) -> tuple[int, int]:
    """Return the row of a passage and that of a reference that are most similar."""
    row, column = divmod(int(cosines[passage, own].argmax()), own.stop - own.start)
    return int(passage[row]), own.start + column


def _numbered(lengths: Sequence[int]) -> Indices:
    """Return the number of the recording of each row."""
    return np.repeat(np.arange(len(lengths)), lengths)


def _views(likeness: Rows, times_s: Times, of: Indices) -> Indices:
    """Return the row of each time of each recording that is most alike; `of` is the recording of each row."""
    order = np.lexsort((likeness, times_s, of))
    of, times_s = of[order], times_s[order]
    is_last = np.ones(len(order), np.bool_)
    is_last[:-1] = (of[1:] != of[:-1]) | (times_s[1:] != times_s[:-1])
    last: Indices = order[is_last]
    return last


def _centred(rows: Rows, times_s: Times, of: Indices) -> Tracks:
    """Return the tracks of recordings, whose rows are one after the other's."""
    first = np.flatnonzero(np.diff(of, prepend=-1))
    n_times = np.diff(first, append=len(of))
    mean = np.add.reduceat(rows, first, axis=0) / n_times[:, None].astype(np.float32)
    track = rows - np.repeat(mean, n_times, axis=0)
    return Tracks(track, (track**2).sum(axis=1), times_s, first)
