"""Several stills of one post that show different moments of one reference: what each has beyond its scene adds up."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from schemas.messages import Evidence

SCENE_NATS = 24.0
"""Evidence of a still's scene alone, which several stills share; a score of 0.75."""
HALF_NATS = 8.0
"""Evidence that makes a score of one half."""
_MOMENT_S = 4.0
"""Stills within such a stretch of the reference count once, so that one still posted twice is not two."""


class Stills(NamedTuple):
    """Stills of one reference, the strongest first."""

    score: float
    pieces: tuple[Evidence, ...]


def joined_stills(evidence: Iterable[Evidence]) -> list[Stills]:
    """Return the stills of each reference of which a post shows two moments or more, with their score together."""
    strongest: dict[str, dict[int, Evidence]] = defaultdict(dict)
    for piece in sorted(evidence, key=lambda piece: (piece.score, -piece.medium, -piece.reference.start_s)):
        if _is_beyond_scene(piece):
            strongest[piece.reference_id][int(piece.reference.start_s // _MOMENT_S)] = piece
    return [_joined([*moments.values()]) for moments in strongest.values() if len(moments) > 1]


def _is_beyond_scene(piece: Evidence) -> bool:
    is_still = piece.modality == "visual" and piece.query.start_s == piece.query.end_s
    return is_still and not piece.passages and _nats(piece) > SCENE_NATS


def _joined(pieces: Sequence[Evidence]) -> Stills:
    nats = SCENE_NATS + sum(_nats(piece) - SCENE_NATS for piece in pieces)
    ranked = sorted(pieces, key=lambda piece: (-piece.score, piece.medium, piece.reference.start_s))
    return Stills(nats / (nats + HALF_NATS), tuple(ranked))


def _nats(piece: Evidence) -> float:
    return HALF_NATS * piece.score / (1.0 - piece.score) if piece.score < 1.0 else 0.0  # an exact copy needs no other
