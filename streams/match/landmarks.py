"""Matches of a sound, corrected by landmarks: fingerprints show like sounds, landmarks which recording it is."""

import msgspec

from models.alignment_parameters import AUDIO
from models.landmarks.compare import Agreement, Line
from models.landmarks.evidence import agreements, weighed
from models.landmarks.peaks import Peaks
from models.landmarks.rows import is_comparable, unpack_peaks
from schemas.messages import Descriptors, Match, Passage

LEAST_SCORE = 0.1
"""Score from which landmarks are compared: what is below asks nobody, and most pairs are."""


def corrected(match: Match, query: Descriptors, reference: Peaks) -> Match:
    """Return the match of a sound with its score raised or lowered by landmarks along its passages.

    The score stays where either side was described without landmarks, by an earlier version.

    Parameters
    ----------
    reference
        Landmarks of the whole reference.
    """
    if not LEAST_SCORE <= match.score < 1.0 or not (found := compared(match, query, reference)):
        return match
    evidence = weighed(AUDIO.half * match.score / (1.0 - match.score), found)
    return msgspec.structs.replace(match, score=evidence / (evidence + AUDIO.half))


def compared(match: Match, query: Descriptors, reference: Peaks) -> list[Agreement]:
    """Return how the landmarks of a match agree along its passages; nothing without landmarks on both sides."""
    if query.landmarks is None or not is_comparable(query.landmarks) or not len(reference):
        return []
    asked = unpack_peaks(query.landmarks, query.segment.start_s)
    return agreements(asked, reference, map(_line, match.passages))


def _line(passage: Passage) -> Line:
    start_s, speed = passage.query.start_s, passage.speed
    return Line(start_s, passage.query.end_s, speed, passage.reference.start_s - speed * start_s)
