"""Alignment of a query with a reference whose camera stands still, where likeness shows the room alone."""

import math

import numpy as np

from models.aligned_pair import Alignment, edges
from models.alignment_parameters import VISUAL
from models.evidence import nats_of, score_of, supporting_times
from models.still_lines import Rows, Times
from models.still_scene import recording
from models.voting import Similarity, best_per_time

_ROOM_NATS = 24.0
"""Most evidence from likeness: a review, and no act, under the shipped fusion and policy."""
_NEXT = 0.5
"""Weight of each further time as evidence of the room, relative to the time before it, strongest first."""


def align_still(
    query: Rows, query_s: Times, reference: Rows, reference_s: Times, similarity: Similarity
) -> Alignment | None:
    """Return the passage of a query that shows the reference's room, None without one.

    Its evidence is that of the room, limited, and that of the recording, for or against.

    Parameters
    ----------
    query
        L2-normalised rows, shape (n, d), with their times, ascending; several rows of one time are views of one frame.
    reference
        Likewise, shape (m, d).
    similarity
        Their cosines, normalised, shape (n, m).
    """
    best, times, reference_times = best_per_time(similarity, query_s, reference_s)
    gain = np.clip(nats_of(best.max(axis=1), VISUAL), -VISUAL.miss, VISUAL.most).astype(np.float64)
    rows = supporting_times(gain)
    if not len(rows):
        return None
    here = (query_s >= times[rows[0]]) & (query_s <= times[rows[-1]])
    found = recording(query[here], query_s[here], reference, reference_s)
    evidence = _room(gain[rows], len(times)) + found.nats
    if evidence <= 0.0:
        return None
    starts, ends = edges(times, 0.0)
    interval = np.maximum(0.0, [starts[rows[0]], ends[rows[-1]]])
    if found.nats > 0.0:
        first, last = edges(reference_times, 0.0)
        mapped = np.sort(np.clip(found.speed * interval + found.offset_s, max(0.0, first[0]), last[-1]))
    else:  # the room, at no known moment: its most similar one, without a length
        mapped = np.full(2, reference_times[int(best.max(axis=0).argmax())])
    return Alignment(
        score=score_of(evidence, VISUAL),
        evidence=evidence,
        query=(float(interval[0]), float(interval[1])),
        reference=(float(mapped[0]), float(mapped[1])),
        speed=abs(found.speed),
        n_pairs=len(rows),
    )


def _room(gain: Times, n_tried: int) -> float:
    """Return the evidence that the query shows this room: of the best times, less that of the best of so many."""
    ordered = np.sort(gain)[::-1]
    return min(_ROOM_NATS, float((ordered * _NEXT ** np.arange(len(ordered))).sum()) - math.log(n_tried))
