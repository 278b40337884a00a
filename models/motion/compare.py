"""Comparison of two motion tracks: the passage of one that runs along the other, and its evidence.

The query is read at several speeds, backwards, mirrored, by its cells and as a whole; the best reading counts. An
excerpt inside another video is found too, because a passage need not be the whole query.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from models.motion.evidence import by_chance, evidence
from models.motion.lines import Peak, best_passage, windows
from models.motion.normalise import Array, backwards, linear, resampled, without_jumps
from models.motion.track import COLUMNS, STEP_S, Track
from models.motion.views import VIEWS, Box, within

SPEEDS = (1.0, 24 / 25, 25 / 24, 0.9, 1.1, 0.85, 1.17, 0.8, 1.25, 0.75, 1.33, 1.5, 0.5, 2.0)
"""Seconds of the reference that pass in one of the query; 24 and 25 frames a second are often taken for each other."""
SHORTEST_S = 2.5
"""Shortest passage."""
_LONGEST = 3000
"""Steps of a reference that are compared at once, five minutes; a longer one in pieces."""
_MOST_QUERY = 1200
"""Steps of a query that are compared, two minutes; a second look has at most one."""


@dataclass(frozen=True, slots=True)
class MotionMatch:
    """The best passage of a query along a reference."""

    nats: float
    """Log-likelihood ratio of the same recording against another, possibly of the same room; 0 if unknown."""
    offset_s: float = 0.0
    """Reference time = speed x query time + offset_s; backwards, offset_s - speed x query time."""
    speed: float = 1.0
    reversed: bool = False
    z: float = 0.0
    """Correlation of the passage in deviations of chance, less what unlikely readings cost."""
    above_chance: float = 0.0
    """z less what the best of all passages of recordings longer than usual has by chance."""
    query: tuple[float, float] = (0.0, 0.0)
    """Start and end of the passage, seconds of the query."""
    view: str = ""
    """Reading of the cells that correlates best, such as "mirrored" or "cropped"."""


NOTHING = MotionMatch(0.0)
_FAST = tuple(view for view in VIEWS if view.at_any_speed)
_READINGS = ((1.0, False, VIEWS), (1.0, True, _FAST), *((speed, False, _FAST) for speed in SPEEDS[1:]))
"""Speed, whether backwards, and views; the likeliest first."""
_CERTAIN, _MOST_OF_IT = 16.0, 0.7
"""Correlation, and share of the query in the passage, from which no further readings are tried."""


def compare(
    query: Track, reference: Track, *, box: Box | None = None, shown_s: tuple[float, float] | None = None
) -> MotionMatch:
    """Return the best passage of a query along a reference, with its evidence for or against a copy.

    Parameters
    ----------
    query
        Track, shape (m, COLUMNS); of more than two minutes the first two count.
    reference
        Track of the whole reference, shape (k, COLUMNS): against a part of it there is no evidence against a copy.
    box
        Part of the query's frame that shows the copy, such as an inset; by default all of it.
    shown_s
        Part of the query whose pictures resemble the reference, seconds; by default all of it. What moves before and
        after it is no evidence against a copy.

    Raises
    ------
    ValueError
        A shape does not fit.
    """
    if any(each.ndim != 2 or each.shape[1] != COLUMNS for each in (query, reference)):  # noqa: PLR2004
        raise ValueError(f"tracks of shapes {query.shape} and {reference.shape}")
    if min(len(query), len(reference)) < SHORTEST_S / STEP_S:
        return NOTHING
    asked, against = linear(without_jumps(query[:_MOST_QUERY])), linear(without_jumps(reference))
    asked = asked if box is None else within(asked, box)
    best = NOTHING
    for match in (one for first, piece in _pieces(against, len(asked)) for one in _passages(asked, piece, first)):
        best = max(best, match, key=lambda each: each.z)
        if best.z > _CERTAIN and best.query[1] - best.query[0] > _MOST_OF_IT * len(asked) * STEP_S:
            break
    first, last = (0, len(query)) if shown_s is None else (round(max(0.0, at_s) / STEP_S) for at_s in shown_s)
    above = best.z - by_chance(len(query), len(reference))
    return replace(best, above_chance=above, nats=evidence(best.z, query, reference, query[first:last]))


def _pieces(reference: Array, n_query: int) -> Iterator[tuple[int, Array]]:
    """Yield the pieces of a long reference with their first steps; they overlap so that no passage is cut."""
    overlap = round(max(SPEEDS) * n_query)
    for first in range(0, max(1, len(reference) - overlap), _LONGEST):
        yield first, reference[first : first + _LONGEST + overlap]


def _passages(query: Array, reference: Array, first: int) -> Iterator[MotionMatch]:
    """Yield the best passage of each reading of the query, the likeliest reading first."""
    windows_of: dict[bytes, Array] = {}
    for speed, is_backwards, views in _READINGS:
        along = resampled(backwards(query) if is_backwards else query, speed)
        least = round(max(1.0, speed) * SHORTEST_S / STEP_S)
        for view in views:
            if view.key not in windows_of:
                windows_of[view.key] = windows(view.read(reference, view.reference))
            if (peak := best_passage(view.read(along, view.query), windows_of[view.key], least)) is not None:
                match = MotionMatch(0.0, speed=speed, reversed=is_backwards, z=peak.z, view=view.name)
                yield _placed(match, peak, first, len(query))


def _placed(match: MotionMatch, peak: Peak, first: int, n_query: int) -> MotionMatch:
    """Return a match with the times of its passage; the reading's first step is the query's last one if backwards."""
    start_s, end_s = STEP_S * peak.first / match.speed, STEP_S * peak.last / match.speed
    offset_s, query_s = STEP_S * (peak.line + first), STEP_S * n_query
    if match.reversed:
        start_s, end_s, offset_s = query_s - end_s, query_s - start_s, offset_s + match.speed * query_s
    return replace(match, offset_s=offset_s, query=(max(0.0, start_s), min(query_s, end_s)))
