"""Matches of a second look, corrected by motion: pictures show which room it is, motion which recording."""

from collections.abc import Iterable

import msgspec
from rpds import HashTrieMap

from models.alignment_parameters import VISUAL
from models.motion.compare import MotionMatch, compare
from models.motion.rows import joined, unpack_track
from models.motion.track import NAME, VERSION, Track
from schemas.messages import Descriptors, Interval, Match, Passage
from streams.match.piece import Piece, References, loaded, replaced

_MOMENT_Z = 6.0
"""Correlation above chance from which the line of motion is a passage. A few other recordings reach it too, but on any
line, and a copy on that of its sound (models/motion/card.md)."""


class ReferenceMotion:
    """Motion of each reference that has any; immutable."""

    def __init__(self) -> None:
        self._pieces: References = HashTrieMap()

    def changed(self, removed: Iterable[Piece], added: Iterable[Piece]) -> "ReferenceMotion":
        """Return the motion without and with these pieces; benign ones and others are ignored."""
        made = ReferenceMotion()
        made._pieces = replaced(self._pieces, *([*filter(_is_wanted, some)] for some in (removed, added)))
        return made

    def of(self, case_id: str, reference_id: str) -> Track | None:
        """Return the motion of a whole reference, None without any."""
        pieces = sorted(loaded(self._pieces.get((case_id, reference_id), ())), key=lambda piece: piece.start_s)
        return joined([(piece.start_s, unpack_track(piece.vectors)) for piece in pieces]) if pieces else None


def _is_wanted(piece: Piece) -> bool:
    """Return whether a piece can be compared: motion of another version cannot."""
    return piece.space[:3] == ("motion", NAME, VERSION) and not piece.benign


def corrected(match: Match, query: Descriptors, reference_motion: Track | None) -> Match:
    """Return the match of a second look with its score raised or lowered by motion, and with the moment it shows.

    A score is evidence in nats on the scale of the alignment, where that of pictures and of motion adds up. A score of
    1, of an exact copy, stays. Where pictures show a room at no known moment, motion that correlates adds the passage
    of its line, so that fusion can see whether a sound lies on it too.

    Parameters
    ----------
    query
        Descriptors of the look, with its motion.
    reference_motion
        The reference's motion; None where it was described without.
    """
    if query.motion is None or reference_motion is None or match.score >= 1.0:
        return match
    found = compared(match, unpack_track(query.motion), query.segment.start_s, reference_motion)
    evidence = max(0.0, VISUAL.half * match.score / (1.0 - match.score) + found.nats)
    raised = msgspec.structs.replace(match, score=evidence / (evidence + VISUAL.half))
    if found.above_chance < _MOMENT_Z or _has_moment(match):
        return raised
    return msgspec.structs.replace(raised, passages=[*raised.passages, _passage(raised, found, query.segment.start_s)])


def compared(match: Match, motion: Track, start_s: float, reference_motion: Track) -> MotionMatch:
    """Return how the motion of a look runs along a reference; only where its pictures match it counts against a copy.

    Parameters
    ----------
    motion, start_s
        Motion of the look, and its start, seconds of the medium.
    """
    intervals = [match.query, *(passage.query for passage in match.passages)]
    start, end = min(one.start_s for one in intervals), max(one.end_s for one in intervals)
    return compare(motion, reference_motion, shown_s=(start - start_s, end - start_s))


def _has_moment(match: Match) -> bool:
    """Return whether the pictures show a moment of the reference; by a camera that stands still they show its room."""
    shown = [match.reference, *(passage.reference for passage in match.passages)]
    return any(one.end_s > one.start_s for one in shown)


def _passage(match: Match, found: MotionMatch, start_s: float) -> Passage:
    """Return the passage of the medium that moves along the reference, with its moment there."""
    direction = -found.speed if found.reversed else found.speed
    first_s, last_s = sorted(max(0.0, found.offset_s + direction * at_s) for at_s in found.query)
    return Passage(
        query=Interval(start_s=start_s + found.query[0], end_s=start_s + found.query[1]),
        reference=Interval(start_s=first_s, end_s=last_s),
        speed=found.speed,
        score=match.score,
    )
