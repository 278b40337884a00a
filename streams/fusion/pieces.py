"""Pieces of evidence of a post: which are kept of a case, and of all cases together."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from models.fusion.model import FusionModel
from schemas.messages import Evidence, Match, Scores, shared_fields

_MAX_EVIDENCE = 12
"""Strongest pieces of evidence kept per case."""
_MAX_CASES, _MAX_PIECES = 80, 200
"""Cases and pieces of evidence kept per post: with thumbnails well below the largest record of the state."""
_MAX_PASSAGES = 8
"""Best stretches kept of a piece."""
_SAME_OFFSET_S = 10.0
"""Difference in offset between post and reference within which two matches are at one place."""


class Piece(Evidence, frozen=True, kw_only=True):
    """A piece of evidence, and the number of the look that has found it; 0 in the first pass."""

    look: int = 0


def evidence_of(scores: Scores, found: Match, model: FusionModel) -> Evidence:
    """Return the evidence that a match in a segment's scores adds."""
    evidence = Evidence(
        **shared_fields(found, Evidence, without={"passages"}),
        modality=scores.modality,
        model=scores.model,
        version=scores.version,
        medium=scores.segment.medium,
        probability=0.0,
        passages=found.passages[:_MAX_PASSAGES],
    )
    return msgspec.structs.replace(evidence, probability=model.alone(evidence))


def piece_of(scores: Scores, found: Match, model: FusionModel) -> Piece:
    """Return the piece of evidence that a match in a segment's scores adds."""
    return Piece(**shared_fields(evidence_of(scores, found, model), Piece), look=scores.look)


def bare(piece: Evidence) -> Evidence:
    """Return a piece as verdicts carry it."""
    return Evidence(**shared_fields(piece, Evidence))


def joined(known: Sequence[Piece], added: Iterable[Piece], model: FusionModel) -> list[Piece]:
    """Return the strongest evidence of each modality and place, and all evidence that counts in the probability."""
    found = [*known, *(piece for piece in added if piece not in known)]
    counted: Sequence[Evidence] = model.judge(found).counted if found else ()
    strongest = {_where(piece): piece for piece in sorted(found, key=_strength)}.values()
    return _strongest([piece for piece in found if _among(piece, counted) or _among(piece, strongest)], counted)


def limited(evidence: Mapping[str, list[Piece]]) -> dict[str, list[Piece]]:
    """Return the cases with the strongest pieces: all evidence of the first ones, one piece of the others."""
    if len(evidence) <= _MAX_CASES and sum(map(len, evidence.values())) <= _MAX_PIECES:
        return dict(evidence)
    ranked = sorted(evidence.items(), key=lambda found: (-found[1][0].probability, found[0]))[:_MAX_CASES]
    spare = _MAX_PIECES - len(ranked)
    kept: dict[str, list[Piece]] = {}
    for case_id, pieces in ranked:
        kept[case_id] = pieces[: 1 + spare]
        spare -= len(kept[case_id]) - 1
    return kept


def _strongest(found: Iterable[Piece], counted: Sequence[Evidence]) -> list[Piece]:
    """Return the strongest pieces; those that count in the probability are always among them."""
    ranked = sorted(found, key=_strength, reverse=True)
    leaders = [piece for piece in ranked if _among(piece, counted)]
    followers = [piece for piece in ranked if not _among(piece, counted)]
    return sorted([*leaders, *followers][:_MAX_EVIDENCE], key=_strength, reverse=True)


def _among(piece: Evidence, pieces: Iterable[Evidence]) -> bool:
    return any(piece is other for other in pieces)


def _strength(evidence: Evidence) -> tuple[float, float, float, str, int]:
    """Return the sort key of a piece, which leaves no ties to the order in which pieces arrived."""
    return evidence.probability, evidence.score, -evidence.query.start_s, evidence.reference_id, -evidence.medium


def _where(evidence: Evidence) -> tuple[str, int, str, int]:
    """Return the place of a piece: modality, medium, reference and rounded offset between post and reference.

    The strongest piece of each place is kept, because sound that arrives later may agree with any of them.
    """
    offset_s = evidence.reference.start_s - evidence.query.start_s
    return evidence.modality, evidence.medium, evidence.reference_id, round(offset_s / _SAME_OFFSET_S)
