"""Matches of a sound, corrected by landmarks: fingerprints show like sounds, landmarks which recording it is."""

from collections.abc import Iterator, Sequence
from itertools import islice

import msgspec

from models.alignment_parameters import AUDIO
from models.landmarks.compare import Agreement, Line, agreement, stretches
from models.landmarks.evidence import CERTAIN, weighed
from models.landmarks.peaks import Peaks
from models.landmarks.rows import is_comparable, unpack_peaks
from schemas.messages import Descriptors, Match, Passage

_LEAST_SCORE = 0.1
"""Score from which landmarks are compared: what is below asks nobody, and most pairs are."""
_MOST_STRETCHES = 6
"""Stretches that are compared, those of the best passages; each takes about 2 ms."""


def corrected(match: Match, query: Descriptors, reference: Peaks) -> Match:
    """Return the match of a sound with its score raised or lowered by landmarks along its passages.

    The score stays where either side was described without landmarks, by an earlier version.

    Parameters
    ----------
    reference
        Landmarks of the whole reference.
    """
    if query.landmarks is None or not is_comparable(query.landmarks) or not len(reference):
        return match
    if not _LEAST_SCORE <= match.score < 1.0:
        return match
    asked = unpack_peaks(query.landmarks, query.segment.start_s)
    found = list(_agreements(asked, reference, match.passages))
    evidence = weighed(AUDIO.half * match.score / (1.0 - match.score), found)
    return msgspec.structs.replace(match, score=evidence / (evidence + AUDIO.half))


def _agreements(query: Peaks, reference: Peaks, passages: Sequence[Passage]) -> Iterator[Agreement]:
    parts = (part for passage in passages for part in stretches(_line(passage)))
    for part in islice(parts, _MOST_STRETCHES):
        found = agreement(query, reference, part)
        yield found
        if found.nats >= CERTAIN:
            return


def _line(passage: Passage) -> Line:
    start_s, speed = passage.query.start_s, passage.speed
    return Line(start_s, passage.query.end_s, speed, passage.reference.start_s - speed * start_s)
