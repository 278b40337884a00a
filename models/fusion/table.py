"""Training table: one line of JSON for each pair of a post and a case with any evidence."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import numpy as np

from models.fusion.features import agreements, matched_seconds
from models.fusion.fit import Sample
from models.metrics import Labels
from schemas.messages import Evidence


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """Evidence between one post and one case, with its label."""

    query: str
    case: str
    copy: bool
    """Whether the post contains a copy of the case's references."""
    transform: str | None = None
    """Edit of the copy, for people."""
    evidence: list[Evidence]
    """All evidence, without thumbnails."""


def write(pairs: Iterable[Pair], path: Path) -> None:
    """Write a table without thumbnails."""
    bare = [
        msgspec.structs.replace(
            pair, evidence=[msgspec.structs.replace(piece, thumbnail=None) for piece in pair.evidence]
        )
        for pair in pairs
    ]
    path.write_bytes(msgspec.json.Encoder().encode_lines(bare))


def read(path: Path) -> list[Pair]:
    """Return the pairs of a table.

    Raises
    ------
    msgspec.ValidationError
        The file is no table.
    """
    return msgspec.json.Decoder(Pair).decode_lines(path.read_bytes())


def samples(pairs: Sequence[Pair]) -> tuple[list[Sample], Labels]:
    """Return the training samples, and whether each pair is a copy."""
    found = [sample for number, pair in enumerate(pairs) for sample in _samples(number, pair.evidence)]
    return found, np.array([pair.copy for pair in pairs], np.bool_)


def _samples(number: int, evidence: Sequence[Evidence]) -> Iterable[Sample]:
    for piece in evidence:
        yield Sample(number, piece.modality, piece.score, matched_seconds(piece), piece.terms)
    for found in agreements(evidence):
        yield Sample(number, "agreement", found.score, found.seconds, 0)
