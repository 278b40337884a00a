"""One piece of a reference as the index keeps it: without its vectors, which are read when they are needed."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Self

from schemas.messages import Case, Reference
from streams.match.reference_matcher import Space, space_of


def token(key: str, reference: Reference) -> str:
    """Return the id of one piece of a reference with its content; new vectors, digests or version give a new id."""
    content = b"\x00".join([key.encode(), reference.vectors.data, *reference.digests, reference.version.encode()])
    return sha256(content).hexdigest()[:32]


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """One piece of a reference: one segment in one modality.

    Attributes
    ----------
    token
        Id of the piece with its content, see `token`.
    n_rows
        Number of vectors.
    digests
        Of a whole medium, or of a text's terms.
    load
        Reads the piece; None if it was withdrawn meanwhile.
    """

    token: str
    case_id: str
    reference_id: str
    segment: int
    space: Space
    benign: bool
    n_rows: int
    digests: tuple[bytes, ...]
    load: Callable[[], Reference | None]

    @classmethod
    def of(cls, key: str, case: Case, piece: Reference, load: Callable[[], Reference | None] | None = None) -> Self:
        """Return the piece of an entry; without `load` it stays in memory."""
        return cls(
            token=token(key, piece),
            case_id=case.case_id,
            reference_id=piece.reference_id,
            segment=piece.segment,
            space=space_of(piece),
            benign=case.benign,
            n_rows=piece.vectors.rows,
            digests=tuple(piece.digests),
            load=load or partial(_itself, piece),
        )

    @property
    def reference(self) -> tuple[str, str]:
        """Case and reference that it belongs to."""
        return self.case_id, self.reference_id


def loaded(pieces: tuple[Piece, ...]) -> list[Reference]:
    """Return these pieces with their vectors, without those withdrawn meanwhile."""
    return [found for piece in pieces if (found := piece.load()) is not None]


def _itself(piece: Reference) -> Reference:
    return piece
