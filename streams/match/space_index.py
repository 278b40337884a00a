"""References of one space: an exact gallery of few, an indexed one of many; a change reads what it changes."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from schemas.matrix import unpack
from schemas.messages import Descriptors, Match, Reference
from streams.match.archive import CandidateRule
from streams.match.gallery import Gallery
from streams.match.indexed_gallery import IndexedGallery, Pieces, joined
from streams.match.late_candidates import rule_of
from streams.match.normalisation import Rows
from streams.match.piece import Name, Piece, loaded
from streams.match.reference_matcher import ALIGNMENT, ReferenceMatcher, Space

MANY = 64
"""References of pictures or sound above which they are searched by an index, which pays from here on."""


class SpaceIndex:
    """References whose vectors can be compared, and the benign rows beside them; immutable."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._references: Mapping[Name, Pieces] = {}
        self._benign: tuple[Piece, ...] = ()
        self._benign_rows = _rows(space, ())
        self._matchers: Mapping[Name, ReferenceMatcher] = {}
        self._gallery: Gallery | IndexedGallery = Gallery([], self._benign_rows[0])

    def changed(self, removed: Sequence[Piece], added: Sequence[Piece]) -> "SpaceIndex":
        """Return the index without and with these pieces."""
        made = SpaceIndex(self._space)
        gone = {piece.token for piece in removed}
        touched = dict.fromkeys(piece.reference for piece in (*removed, *added) if not piece.benign)
        made._references = _replaced(self._references, touched, gone, added)
        made._benign = (
            *(piece for piece in self._benign if piece.token not in gone),
            *(piece for piece in added if piece.benign),
        )
        is_same = made._benign == self._benign
        made._benign_rows = self._benign_rows if is_same else _rows(self._space, made._benign)
        if self._space[0] in ALIGNMENT and len(made._references) > MANY:
            made._gallery = made._indexed(self._gallery, touched)
        else:
            made._matchers = made._joined(self._matchers, touched)
            rows, digests = made._benign_rows
            made._gallery = Gallery(list(made._matchers.values()), rows, benign_digests=digests)
        return made

    def search(self, query: Descriptors) -> list[Match]:
        """Return the query's matches, unordered."""
        return self._gallery.search(query)

    def match(self, reference: Name, query: Descriptors) -> Match | None:
        """Return the query's match with one of the references."""
        return self._gallery.match(reference, query)

    def candidate_rule(self, piece: Reference, reference: Name) -> CandidateRule | None:
        """Return the rule by which archived segments are candidates for a piece; None if all of it was withdrawn."""
        pieces = self._references[reference]
        matcher = self._matchers.get(reference) or joined(pieces)
        return None if matcher is None else rule_of(piece, matcher, len(pieces))

    def _indexed(self, before: Gallery | IndexedGallery, touched: Iterable[Name]) -> IndexedGallery:
        if not isinstance(before, IndexedGallery):
            return IndexedGallery.build(list(self._references.values()), self._benign_rows)
        added = [self._references[name] for name in touched if name in self._references]
        return before.changed(list(touched), added, self._benign_rows)

    def _joined(
        self, before: Mapping[Name, ReferenceMatcher], touched: Mapping[Name, None]
    ) -> dict[Name, ReferenceMatcher]:
        """Return the matcher of each reference; those that did not change are the same as before."""
        made: dict[Name, ReferenceMatcher] = {}
        for name, pieces in self._references.items():
            matcher = before[name] if name in before and name not in touched else joined(pieces)
            if matcher is not None:
                made[name] = matcher
        return made


def _replaced(
    references: Mapping[Name, Pieces], touched: Iterable[Name], gone: set[str], added: Sequence[Piece]
) -> dict[Name, Pieces]:
    found = dict(references)
    fresh: dict[Name, list[Piece]] = {name: [] for name in touched}
    for piece in added:
        if not piece.benign:
            fresh[piece.reference].append(piece)
    for name, pieces in fresh.items():
        kept = (*(piece for piece in found.get(name, ()) if piece.token not in gone), *pieces)
        if kept:
            found[name] = kept
        else:
            found.pop(name, None)
    return found


def _rows(space: Space, benign: tuple[Piece, ...]) -> tuple[Rows, frozenset[bytes]]:
    rows = [np.zeros((0, space[3]), np.float32), *(unpack(piece.vectors) for piece in loaded(benign))]
    return np.concatenate(rows), frozenset(digest for piece in benign for digest in piece.digests)
