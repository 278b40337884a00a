"""Alignment of a query with a reference whose camera stands still, where likeness shows the room alone."""

import math
from typing import NamedTuple

import numpy as np

from models.aligned_pair import Alignment, edges
from models.alignment_parameters import VISUAL
from models.evidence import nats_of, score_of, supporting_times
from models.still_lines import Recording, Rows, Times
from models.still_scene import References, recordings
from models.voting import Similarity, max_by

_ROOM_NATS = 24.0
"""Most evidence from likeness: a review, and no act, under the shipped fusion and policy."""
_NEXT = 0.5
"""Weight of each further time as evidence of the room, relative to the time before it, strongest first."""


def align_still(
    query: Rows, query_s: Times, reference: Rows, reference_s: Times, similarity: Similarity
) -> Alignment | None:
    """Return the passage of a query that shows one reference's room, None without one; see `align_stills`."""
    references = References([reference], [reference_s])
    return align_stills(query, query_s, references, query @ reference.T, similarity)[0]


def align_stills(
    query: Rows, query_s: Times, references: References, cosines: Similarity, similarity: Similarity
) -> list[Alignment | None]:
    """Return the passage of a query that shows each reference's room, None without one.

    Its evidence is that of the room, limited, and that of the recording, for or against.

    Parameters
    ----------
    query
        L2-normalised rows, shape (n, d), with their times, ascending; several rows of one time are views of one frame.
    cosines
        Of the query with the references, shape (n, their rows).
    similarity
        These cosines, normalised.
    """
    times, time = np.unique(query_s, return_inverse=True)
    most = max_by(np.maximum.reduceat(similarity, references.first(), axis=1), time, len(times))
    gain = np.clip(nats_of(most, VISUAL), -VISUAL.miss, VISUAL.most).astype(np.float64)
    intervals = edges(times, 0.0)
    rooms = [_room(of_reference, *intervals) for of_reference in gain.T]
    every = np.arange(len(query_s))  # without a room it does not matter what is compared
    passages = [every if one is None else np.flatnonzero((time >= one.first) & (time <= one.last)) for one in rooms]
    found = recordings(query, query_s, passages, references, cosines)
    return [
        _passage(room, recorded, times_s, similarity[:, own]) if room else None
        for room, recorded, times_s, own in zip(rooms, found, references.times_s, references.each(), strict=True)
    ]


class _Room(NamedTuple):
    """Query times that show a reference's room."""

    evidence: float
    """Nats, limited."""
    first: int
    """Numbers of the first and the last of the times."""
    last: int
    n: int
    query: Times
    """Start and end."""


def _room(gain: Times, starts: Times, ends: Times) -> _Room | None:
    """Return the times with most evidence of a room, less that of the best of so many; None without any."""
    rows = supporting_times(gain)
    if not len(rows):
        return None
    ordered = np.sort(gain[rows])[::-1]
    evidence = min(_ROOM_NATS, float((ordered * _NEXT ** np.arange(len(ordered))).sum()) - math.log(len(gain)))
    query = np.maximum(0.0, [starts[rows[0]], ends[rows[-1]]])
    return _Room(evidence, int(rows[0]), int(rows[-1]), len(rows), query)


def _passage(room: _Room, found: Recording, reference_s: Times, similarity: Similarity) -> Alignment | None:
    """Return the passage of a room with what a recording has for it or against it, None without evidence."""
    evidence = room.evidence + found.nats
    if evidence <= 0.0:
        return None
    if found.nats > 0.0:
        first, last = edges(np.unique(reference_s), 0.0)
        reference = np.sort(np.clip(found.speed * room.query + found.offset_s, max(0.0, first[0]), last[-1]))
    else:  # the room, at no known moment: its most similar one, without a length
        reference = np.full(2, reference_s[int(similarity.max(axis=0).argmax())])
    return Alignment(
        score=score_of(evidence, VISUAL),
        evidence=evidence,
        query=(float(room.query[0]), float(room.query[1])),
        reference=(float(reference[0]), float(reference[1])),
        speed=abs(found.speed),
        n_pairs=room.n,
    )
