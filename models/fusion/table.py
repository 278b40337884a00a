"""The training table: one line of JSON for each pair of a post and a case with any evidence between them."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import numpy as np

from models.fusion.fit import Labels, Sample
from models.fusion.pieces import meetings, seconds
from schemas.messages import Evidence


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """One post held against one case."""

    query: str
    case: str
    copy: bool
    """Whether the post holds a copy of the case's references."""
    transform: str | None = None
    """What was done to the copy, for a person."""
    evidence: list[Evidence]
    """All of it, without pictures."""


def write(pairs: Iterable[Pair], path: Path) -> None:
    """Write a table, thumbnails left out."""
    bare = (msgspec.structs.replace(pair, evidence=[_bare(piece) for piece in pair.evidence]) for pair in pairs)
    path.write_bytes(msgspec.json.Encoder().encode_lines(list(bare)))


def read(path: Path) -> list[Pair]:
    """Return the pairs of a table.

    Raises
    ------
    msgspec.ValidationError
        It is none.
    """
    return msgspec.json.Decoder(Pair).decode_lines(path.read_bytes())


def samples(pairs: Sequence[Pair]) -> tuple[list[Sample], Labels]:
    """Return what is learnt from, and whether each pair is a copy."""
    found = [sample for number, pair in enumerate(pairs) for sample in _samples(number, pair.evidence)]
    return found, np.array([pair.copy for pair in pairs], np.bool_)


def _samples(number: int, evidence: Sequence[Evidence]) -> Iterable[Sample]:
    for piece in evidence:
        yield Sample(number, piece.modality, piece.score, seconds(piece), piece.terms)
    for met in meetings(evidence):
        yield Sample(number, "meeting", met.score, met.seconds, 0)


def _bare(piece: Evidence) -> Evidence:
    return msgspec.structs.replace(piece, thumbnail=None)
