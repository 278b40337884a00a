"""Index of all active references: immutable, rebuilt and swapped when a case changes."""

from collections import defaultdict
from collections.abc import Iterable
from hashlib import sha256

import numpy as np

from schemas.matrix import unpack
from schemas.messages import Case, Descriptors, Match, Reference
from streams.match.gallery import Gallery
from streams.match.reference_matcher import ReferenceMatcher, Space, space_of
from streams.match.second_look import ReferenceMotion, corrected


def token(key: str, reference: Reference) -> str:
    """Return the id of one piece of a reference with its content; new vectors, digests or version give a new id."""
    content = b"\x00".join([key.encode(), reference.vectors.data, *reference.digests, reference.version.encode()])
    return sha256(content).hexdigest()[:32]


class ReferenceIndex:
    """Every active reference; immutable, so a search never runs on half a change.

    Pieces of benign cases, the allow-list, match nothing: the other references' similarities are normalised by them.
    Pieces of motion are in no space and never searched: they correct the matches of a second look.

    Parameters
    ----------
    entries
        Key, entry and piece of every active reference, as `OpenCases.references` yields them.
    """

    def __init__(self, entries: Iterable[tuple[str, Case, Reference]] = ()) -> None:
        grouped: dict[tuple[str, str, Space], list[Reference]] = defaultdict(list)
        benign: dict[Space, list[Reference]] = defaultdict(list)
        self.pieces: dict[str, tuple[str, str, Space, Reference]] = {}
        self._motion = ReferenceMotion()
        for key, case, piece in entries:
            space = space_of(piece)
            if piece.modality == "motion":
                if not case.benign:
                    self._motion.add(case.case_id, piece)
                continue
            if case.benign and piece.modality == "voice":
                continue  # the similarity of any two voices exceeds the cosine from which a picture or sound is benign
            if case.benign:
                benign[space].append(piece)
                continue
            grouped[case.case_id, piece.reference_id, space].append(piece)
            self.pieces[token(key, piece)] = (case.case_id, piece.reference_id, space, piece)
        self._matchers = {group: ReferenceMatcher.join(*group, pieces) for group, pieces in grouped.items()}
        spaces: dict[Space, list[ReferenceMatcher]] = defaultdict(list)
        for (_, _, space), matcher in self._matchers.items():
            spaces[space].append(matcher)
        self._galleries = {space: _gallery(space, matchers, benign[space]) for space, matchers in spaces.items()}

    def search(self, query: Descriptors) -> list[Match]:
        """Return the query's matches with every reference, best first; pure and long-running: call it in a thread."""
        gallery = self._galleries.get(space_of(query))
        if gallery is None:
            return []
        matches = [self._looked(query, match) for match in gallery.search(query)]
        return sorted(matches, key=lambda match: match.score, reverse=True)

    def _looked(self, query: Descriptors, match: Match) -> Match:
        if not query.look:
            return match
        return corrected(match, query, self._motion.of(match.case_id, match.reference_id))

    def match_one(self, piece_token: str, query: Descriptors) -> Match | None:
        """Return the query's match with the reference of this piece, with the same score as `search`."""
        case_id, reference_id, space, _ = self.pieces[piece_token]
        if space_of(query) != space:
            return None
        return self._galleries[space].match(self._matchers[case_id, reference_id, space], query)


def _gallery(space: Space, matchers: list[ReferenceMatcher], benign: list[Reference]) -> Gallery:
    no_rows = np.zeros((0, space[3]), np.float32)
    rows = np.concatenate([no_rows, *(unpack(piece.vectors) for piece in benign)])
    digests = frozenset(digest for piece in benign for digest in piece.digests)
    return Gallery(matchers, rows, benign_digests=digests)
