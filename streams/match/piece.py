"""One piece of a reference as the index keeps it: without its vectors, which are read when they are needed."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple, Protocol, Self

from rpds import HashTrieMap

from schemas.messages import Case, Reference
from streams.match.reference_matcher import Space, space_of

type Name = tuple[str, str]
"""Case and reference."""
type Pieces = tuple["Piece", ...]
"""All pieces of one reference in one space."""
type Table[K, V] = HashTrieMap[K, V]
"""Persistent map: a changed one shares with the one before what they have in common (Bagwell 2001)."""
type References = Table[Name, Pieces]


class Store(Protocol):
    """Where pieces are with their vectors."""

    def read(self, number: int) -> Reference | None:
        """Return a piece, None if it was withdrawn meanwhile."""


class _InMemory(NamedTuple):
    """Store of one piece."""

    piece: Reference

    def read(self, number: int) -> Reference:  # noqa: ARG002 - as a store reads
        return self.piece


def token(key: str, reference: Reference) -> str:
    """Return the id of one piece of a reference with its content; another content gives a new id."""
    landmarks = [reference.landmarks.data] if reference.landmarks else []
    content = b"\x00".join(
        [key.encode(), reference.vectors.data, *reference.digests, reference.version.encode(), *landmarks]
    )
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
    store
        Store of the piece, which has it under `number`; of two pieces the newer has the higher one.
    """

    token: str
    reference: Name
    segment: int
    space: Space
    benign: bool
    n_rows: int
    digests: tuple[bytes, ...]
    store: Store
    number: int

    @classmethod
    def of(cls, key: str, case: Case, piece: Reference, store: Store | None = None, number: int = 0) -> Self:
        """Return the piece of an entry; without a store it stays in memory."""
        return cls(
            token=token(key, piece),
            reference=_shared((case.case_id, piece.reference_id)),
            segment=piece.segment,
            space=_shared(space_of(piece)),
            benign=case.benign,
            n_rows=piece.vectors.rows,
            digests=tuple(piece.digests),
            store=store or _InMemory(piece),
            number=number,
        )

    @property
    def case_id(self) -> str:
        """Case that it belongs to."""
        return self.reference[0]

    @property
    def is_wanted(self) -> bool:
        """Whether it is searched for: neither benign nor motion."""
        return not self.benign and self.space[0] != "motion"

    def load(self) -> Reference | None:
        """Return the piece with its vectors, None if it was withdrawn meanwhile."""
        return self.store.read(self.number)


def loaded(pieces: Pieces) -> list[Reference]:
    """Return these pieces with their vectors, without those withdrawn meanwhile."""
    return [found for piece in pieces if (found := piece.load()) is not None]


def replaced(references: References, removed: Collection[Piece], added: Collection[Piece]) -> References:
    """Return the pieces of each reference without and with these; one of which none is left is not in it."""
    gone = {piece.token for piece in removed}
    fresh: dict[Name, list[Piece]] = {piece.reference: [] for piece in (*removed, *added)}
    for piece in added:
        fresh[piece.reference].append(piece)
    for name, more in fresh.items():
        pieces = (*(piece for piece in references.get(name, ()) if piece.token not in gone), *more)
        references = references.insert(name, pieces) if pieces else references.discard(name)
    return references


def in_order(references: References) -> list[Pieces]:
    """Return the pieces of each reference, the oldest reference first."""
    return sorted(references.values(), key=lambda pieces: pieces[0].number)


@lru_cache(maxsize=1024)
def _shared[T: Name | Space](value: T) -> T:
    """Return one object for equal values: the pieces of one reference come one after the other."""
    return value
