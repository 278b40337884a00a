"""Several stills of one post that show different parts of one reference: each adds to the evidence of the others.

One still shows its scene, which another recording from the same place may show too. Stills of several short shots of
one reference are evidence of the recording: no fixed camera has any, and few cameras return to all of them. Stills of
one shot add nothing to each other, however many there are; those before a fixed camera show no known part at all.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from schemas.messages import Evidence

SCENE_NATS = 24.0
"""Evidence of a still's scene alone; a score of 0.75."""
HALF_NATS = 8.0
"""Evidence that makes a score of one half."""
_FURTHER_NATS = 4.0
"""Evidence of each further part that shows no more than its scene: four shots are a score of 0.82, which acts."""
_MOMENT_S = 4.0
"""Stills of moments nearer to each other show one part, so that one still posted twice is not two."""


class Stills(NamedTuple):
    """Stills of one reference, the strongest first."""

    score: float
    pieces: tuple[Evidence, ...]


class _Part(NamedTuple):
    """The interval of a reference, seconds, that a still shows."""

    end_s: float
    start_s: float
    medium: int
    nats: float
    piece: Evidence


def joined_stills(evidence: Iterable[Evidence]) -> list[Stills]:
    """Return the stills of each reference of which a post shows two parts or more, with their score together."""
    parts: dict[str, list[_Part]] = defaultdict(list)
    for piece in evidence:
        if _shows_a_part(piece):
            parts[piece.reference_id].append(_part(piece))
    several = (_apart(found) for found in parts.values())
    return [_joined(pieces) for pieces in several if len(pieces) > 1]


def _shows_a_part(piece: Evidence) -> bool:
    """Return whether a piece is a still of a known part: of more than its scene, or of a shot with a duration."""
    is_still = piece.modality == "visual" and piece.query.start_s == piece.query.end_s and not piece.passages
    least = SCENE_NATS if piece.reference.end_s > piece.reference.start_s else SCENE_NATS + 1e-9
    return is_still and _nats(piece) >= least


def _part(piece: Evidence) -> _Part:
    start_s, end_s = piece.reference.start_s, piece.reference.end_s
    margin_s = 0.0 if end_s > start_s else _MOMENT_S / 2
    nats = _nats(piece) - SCENE_NATS + _FURTHER_NATS
    return _Part(end_s + margin_s, start_s - margin_s, piece.medium, nats, piece)


def _apart(parts: list[_Part]) -> tuple[Evidence, ...]:
    """Return the stills with most evidence whose parts do not overlap (weighted interval scheduling)."""
    ordered = sorted(parts, key=lambda part: part[:4])
    ends_s = [part.end_s for part in ordered]
    best: list[tuple[float, tuple[Evidence, ...]]] = [(0.0, ())]
    for part in ordered:
        nats, before = best[bisect_left(ends_s, part.start_s)]
        best.append(max(best[-1], (nats + part.nats, (*before, part.piece)), key=lambda chosen: chosen[0]))
    return best[-1][1]


def _joined(pieces: Sequence[Evidence]) -> Stills:
    nats = SCENE_NATS + sum(_nats(piece) - SCENE_NATS for piece in pieces) + _FURTHER_NATS * (len(pieces) - 1)
    ranked = sorted(pieces, key=lambda piece: (-piece.score, piece.medium, piece.reference.start_s))
    return Stills(nats / (nats + HALF_NATS), tuple(ranked))


def _nats(piece: Evidence) -> float:
    return HALF_NATS * piece.score / (1.0 - piece.score) if piece.score < 1.0 else 0.0  # an exact copy needs no other
