"""Index of all active references: immutable, and swapped for one with the changes when a case changes."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from copy import copy

from rpds import HashTrieMap

from schemas.messages import Case, Descriptors, Match, PieceModality, Reference
from streams.match.archive import CandidateRule
from streams.match.piece import Piece, Table
from streams.match.reference_matcher import Space, space_of
from streams.match.second_look import ReferenceMotion, corrected
from streams.match.space_index import SpaceIndex


class ReferenceIndex:
    """Every active reference; immutable, so a search never runs on half a change.

    Pieces of benign cases, the allow-list, match nothing: the other references' similarities are normalised by them.
    Pieces of motion are in no space and never searched: they correct the matches of a second look.

    Parameters
    ----------
    entries
        Key, entry and piece of every active reference; their vectors stay in memory.
    """

    def __init__(self, entries: Iterable[tuple[str, Case, Reference]] = ()) -> None:
        self.pieces: Table[str, Piece] = HashTrieMap()
        """Pieces to search for, by token."""
        self.n_pieces: Counter[PieceModality] = Counter()
        """Number of these, by modality."""
        self._motion = ReferenceMotion()
        self._spaces: dict[Space, SpaceIndex] = {}
        pieces = (Piece.of(*entry, number=number) for number, entry in enumerate(entries))
        self._change((), {piece.token: piece for piece in pieces}.values())

    def changed(self, removed: Collection[Piece], added: Collection[Piece]) -> "ReferenceIndex":
        """Return the index without and with these pieces; the others' vectors, codes and names are shared."""
        made = copy(self)
        made._change(removed, added)  # noqa: SLF001 - its own
        return made

    def search(self, query: Descriptors) -> list[Match]:
        """Return the query's matches with every reference, best first; pure and long-running: call it in a thread."""
        space = self._spaces.get(space_of(query))
        if space is None:
            return []
        matches = [self._looked(query, match) for match in space.search(query)]
        return sorted(matches, key=lambda match: match.score, reverse=True)

    def _looked(self, query: Descriptors, match: Match) -> Match:
        if not query.look:
            return match
        return corrected(match, query, self._motion.of(match.case_id, match.reference_id))

    def candidate_rule(self, piece_token: str, piece: Reference) -> CandidateRule | None:
        """Return the rule by which archived segments are candidates for a piece; None if it was withdrawn meanwhile."""
        return self._spaces[self.pieces[piece_token].space].candidate_rule(piece, self.pieces[piece_token].reference)

    def match_one(self, piece_token: str, query: Descriptors) -> Match | None:
        """Return the query's match with the reference of this piece, with the same score as `search`."""
        piece = self.pieces[piece_token]
        if space_of(query) != piece.space:
            return None
        return self._spaces[piece.space].match(piece.reference, query)

    def _change(self, removed: Collection[Piece], added: Collection[Piece]) -> None:
        """Replace what changes; nothing is changed in place, because the index before still has it."""
        gone, new = ([piece for piece in some if piece.is_wanted] for some in (removed, added))
        for piece in gone:
            self.pieces = self.pieces.discard(piece.token)
        self.pieces = self.pieces.update((piece.token, piece) for piece in new)
        self.n_pieces = self.n_pieces + _by_modality(new) - _by_modality(gone)
        self._motion = self._motion.changed(removed, added)
        changes: dict[Space, tuple[list[Piece], list[Piece]]] = defaultdict(lambda: ([], []))
        for at, some in enumerate((removed, added)):
            for piece in some:
                if _is_compared(piece):
                    changes[piece.space][at].append(piece)
        self._spaces = dict(self._spaces)
        for space, (less, more) in changes.items():
            self._spaces[space] = self._spaces.get(space, SpaceIndex(space)).changed(less, more)


def _by_modality(pieces: Iterable[Piece]) -> Counter[PieceModality]:
    return Counter(piece.space[0] for piece in pieces)


def _is_compared(piece: Piece) -> bool:
    # The similarity of any two voices exceeds the cosine from which a picture or sound is benign.
    return piece.space[0] != "motion" and not (piece.benign and piece.space[0] == "voice")
