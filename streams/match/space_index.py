"""References of one space: an exact gallery of few, an indexed one of many; a change reads what it changes."""

from collections.abc import Collection, Iterable
from copy import copy

import numpy as np
from rpds import HashTrieMap

from schemas.matrix import unpack
from schemas.messages import Descriptors, Match, Reference
from streams.match.archive import CandidateRule
from streams.match.exact_galleries import ExactGalleries
from streams.match.indexed_gallery import IndexedGallery, joined
from streams.match.late_candidates import rule_of
from streams.match.normalisation import Benign
from streams.match.piece import Name, Piece, Pieces, References, in_order, loaded, replaced
from streams.match.reference_matcher import ALIGNMENT, ReferenceMatcher, Space

MANY = 64
"""References of pictures or sound above which they are searched by an index, which pays from here on."""


class SpaceIndex:
    """References whose vectors can be compared, and the benign rows beside them; immutable."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._references: References = HashTrieMap()
        self._benign: Pieces = ()
        self._benign_rows = _rows(space, ())
        self._gallery: ExactGalleries | IndexedGallery = ExactGalleries.of({}, self._benign_rows)

    def changed(self, removed: Collection[Piece], added: Collection[Piece]) -> "SpaceIndex":
        """Return the index without and with these pieces."""
        made = copy(self)
        made._change(removed, added)  # noqa: SLF001 - its own
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
        matcher = joined(pieces)
        return None if matcher is None else rule_of(piece, matcher, len(pieces))

    def _change(self, removed: Collection[Piece], added: Collection[Piece]) -> None:
        """Replace what changes; nothing is changed in place, because the index before still has it."""
        less, more = ([piece for piece in some if not piece.benign] for some in (removed, added))
        self._references = replaced(self._references, less, more)
        if any(piece.benign for piece in (*removed, *added)):
            self._replace_benign(removed, added)
        touched = dict.fromkeys(piece.reference for piece in (*less, *more))
        if self._space[0] in ALIGNMENT and len(self._references) > MANY:
            self._gallery = self._indexed(touched)
        else:
            self._gallery = self._exact(touched)

    def _replace_benign(self, removed: Iterable[Piece], added: Iterable[Piece]) -> None:
        gone = {piece.token for piece in removed}
        kept = (piece for piece in self._benign if piece.token not in gone)
        self._benign = (*kept, *(piece for piece in added if piece.benign))
        self._benign_rows = _rows(self._space, self._benign)

    def _indexed(self, touched: Iterable[Name]) -> IndexedGallery:
        if not isinstance(self._gallery, IndexedGallery):
            return IndexedGallery.build(in_order(self._references), self._benign_rows)
        added = [self._references[name] for name in touched if name in self._references]
        return self._gallery.changed(touched, added, self._benign_rows)

    def _exact(self, touched: Collection[Name]) -> ExactGalleries:
        if not isinstance(self._gallery, ExactGalleries):
            return ExactGalleries.of(_matchers(in_order(self._references)), self._benign_rows)
        added = [self._references[name] for name in touched if name in self._references]
        return self._gallery.changed(touched, _matchers(added), self._benign_rows)


def _matchers(references: Iterable[Pieces]) -> dict[Name, ReferenceMatcher]:
    """Return the matcher of each reference, without those withdrawn meanwhile."""
    found = ((pieces[0].reference, joined(pieces)) for pieces in references)
    return {name: matcher for name, matcher in found if matcher is not None}


def _rows(space: Space, benign: Pieces) -> Benign:
    rows = [np.zeros((0, space[3]), np.float32), *(unpack(piece.vectors) for piece in loaded(benign))]
    return np.concatenate(rows), frozenset(digest for piece in benign for digest in piece.digests)
