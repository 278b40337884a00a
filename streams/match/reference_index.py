"""Index of all active references: immutable, and swapped for one with the changes when a case changes."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from copy import copy

from schemas.messages import Case, Descriptors, Match, Reference
from streams.match.archive import CandidateRule
from streams.match.piece import Piece
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
        self.pieces: Mapping[str, Piece] = {}
        """Pieces to search for, by token."""
        self._others: Mapping[str, Piece] = {}
        self._motion = ReferenceMotion()
        self._spaces: dict[Space, SpaceIndex] = {}
        pieces = (Piece.of(key, case, piece) for key, case, piece in entries)
        self._take({piece.token: piece for piece in pieces})

    def changed(self, pieces: Mapping[str, Piece]) -> "ReferenceIndex":
        """Return the index of these pieces, by token; vectors and codes are shared, tables of names copied."""
        made = copy(self)
        made._take(pieces)  # noqa: SLF001 - its own
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

    def _take(self, pieces: Mapping[str, Piece]) -> None:
        """Replace what changes; everything is replaced as a whole, because the index before still has it."""
        before = {**self.pieces, **self._others}
        removed = [piece for token, piece in before.items() if token not in pieces]
        added = [piece for token, piece in pieces.items() if token not in before]
        self.pieces = {token: piece for token, piece in pieces.items() if _is_wanted(piece)}
        self._others = {token: piece for token, piece in pieces.items() if not _is_wanted(piece)}
        self._motion = self._motion.changed(removed, added)
        changes: dict[Space, tuple[list[Piece], list[Piece]]] = defaultdict(lambda: ([], []))
        for at, some in enumerate((removed, added)):
            for piece in some:
                if _is_compared(piece):
                    changes[piece.space][at].append(piece)
        self._spaces = dict(self._spaces)
        for space, (less, more) in changes.items():
            self._spaces[space] = self._spaces.get(space, SpaceIndex(space)).changed(less, more)


def _is_wanted(piece: Piece) -> bool:
    return not piece.benign and piece.space[0] != "motion"


def _is_compared(piece: Piece) -> bool:
    # The similarity of any two voices exceeds the cosine from which a picture or sound is benign.
    return piece.space[0] != "motion" and not (piece.benign and piece.space[0] == "voice")
