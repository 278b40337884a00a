"""References of one space, of which there are many: a row index finds the few that a query may resemble.

Those few are compared by an exact gallery of their own, with the vectors read from their file: a score is the same as
in a gallery of all references, unless a rival was not found.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Self

import numpy as np

from schemas.matrix import unpack
from schemas.messages import Descriptors, Match, PieceModality
from streams.engine.freed_memory import release_freed
from streams.match.gallery import Gallery
from streams.match.normalisation import Rows
from streams.match.piece import Name, Piece, loaded
from streams.match.reference_matcher import ALIGNMENT, ReferenceMatcher
from streams.match.row_codes import SAMPLE, Codes
from streams.match.row_index import RowIndex
from streams.match.runs import Runs, runs
from streams.match.shortlist import Shortlist, thinning
from streams.match.term_index import TermIndex

type Pieces = tuple[Piece, ...]
"""All pieces of one reference in one space."""

_ALIKE: Mapping[PieceModality, float] = {"visual": 0.77, "audio": 0.7}
"""Cosine from which a row of a reference continues what the frame before shows, and gets no code of its own: frames of
one shot, and overlapping windows of sound. With the mean of such rows as the code, fewer references are missed."""
_SHORTLISTS: Mapping[PieceModality, Shortlist] = {
    "visual": Shortlist(ALIGNMENT["visual"], least_nats=5.0, most_chance=0.6),
    "audio": Shortlist(ALIGNMENT["audio"], least_nats=4.0, most_chance=0.5),
}
_GROWTH = 8
"""Growth from which the codes no longer suit the references, and are trained anew."""
_SAMPLED = 2_000
"""References whose rows train the codes."""


class IndexedGallery:
    """Many references of one space; immutable.

    Parameters
    ----------
    members
        Pieces of each reference, by its number, which no other reference gets.
    index
        Rows of the same references.
    benign
        The space's benign rows and digests.
    n_trained
        Number of references when the codes were trained.
    """

    def __init__(
        self,
        members: Mapping[int, Pieces],
        index: RowIndex,
        benign: tuple[Rows, frozenset[bytes]],
        n_trained: int,
    ) -> None:
        self._members, self._index, self._benign, self._n_trained = members, index, benign, n_trained
        self._numbers = {pieces[0].reference: number for number, pieces in members.items()}
        self._order = list(members)
        self._modality = next(iter(members.values()))[0].space[0]
        self._terms = TermIndex([[d for piece in one for d in piece.digests] for one in members.values()])

    @classmethod
    def build(cls, references: Sequence[Pieces], benign: tuple[Rows, frozenset[bytes]]) -> Self:
        """Return the gallery of these references; reads them all, and takes about 10 ms for a minute of each."""
        members = dict(enumerate(references))
        codes = Codes.train(*_sampled(references))
        made = cls(members, RowIndex(codes).with_added(_coded(members)), benign, len(references))
        release_freed()  # the rows that were read take several times the memory of their codes
        return made

    def changed(
        self,
        removed: Collection[tuple[str, str]],
        added: Sequence[Pieces],
        benign: tuple[Rows, frozenset[bytes]],
    ) -> "IndexedGallery":
        """Return the gallery without and with these references; only their rows are read."""
        gone = {self._numbers[reference] for reference in removed if reference in self._numbers}
        kept = {number: pieces for number, pieces in self._members.items() if number not in gone}
        if len(kept) + len(added) > _GROWTH * self._n_trained:
            return IndexedGallery.build([*kept.values(), *added], benign)
        fresh = dict(enumerate(added, start=max(self._members, default=-1) + 1))
        index = self._index.without(gone).with_added(_coded(fresh))
        return IndexedGallery(kept | fresh, index, benign, self._n_trained)

    def search(self, query: Descriptors) -> list[Match]:
        """Return the query's matches, unordered."""
        likely, rivals = self._likely(query)
        compared = self._matchers(likely)
        if not compared:
            return []
        found = self._exact(compared).search(query)
        # A rival only lowers scores, and none where the camera stands still: it is read for the other matches alone.
        still = {one.reference for one in compared.values() if one.still}
        contested = {name for match in found if (name := (match.case_id, match.reference_id)) not in still}
        if not contested or not (competing := self._matchers(rivals - likely)):
            return found
        settled = [match for match in found if (match.case_id, match.reference_id) in still]
        return settled + self._exact(compared | competing).search(query, contested)

    def match(self, reference: Name, query: Descriptors) -> Match | None:
        """Return the query's match with one of these references, None where `search` does not find it either."""
        likely, rivals = self._likely(query)
        if self._numbers[reference] not in likely:
            return None
        return self._exact(self._matchers(likely | rivals)).match(reference, query)

    def _likely(self, query: Descriptors) -> tuple[set[int], set[int]]:
        """Return the numbers of the references that the query may match, and of those that may be their rivals."""
        rows, times_s = unpack(query.vectors), np.asarray(query.times_s, np.float64)
        step = thinning(len(rows))
        found, rivals = _SHORTLISTS[self._modality].choose(self._index.hits(rows[::step]), times_s[::step])
        named = {self._order[at] for at in self._terms.owners(query.digests)}
        return named.union(found), set(rivals)

    def _matchers(self, numbers: Iterable[int]) -> dict[int, ReferenceMatcher]:
        """Return the matchers of these references, by number, without those withdrawn meanwhile."""
        found = ((number, joined(self._members[number])) for number in numbers)
        return {number: matcher for number, matcher in found if matcher is not None}

    def _exact(self, matchers: Mapping[int, ReferenceMatcher]) -> Gallery:
        rows, digests = self._benign
        return Gallery([matchers[number] for number in sorted(matchers)], rows, benign_digests=digests)


def joined(pieces: Pieces) -> ReferenceMatcher | None:
    """Return the matcher of a reference, None if it was withdrawn meanwhile."""
    found = loaded(pieces)
    return ReferenceMatcher.join(*pieces[0].reference, pieces[0].space, found) if found else None


def _coded(members: Mapping[int, Pieces]) -> Iterator[tuple[int, Runs]]:
    return ((number, runs_of(pieces)) for number, pieces in members.items())


def _sampled(references: Sequence[Pieces]) -> tuple[Rows, int]:
    """Return rows to train codes on, in random order, and about how many rows all references have together."""
    random = np.random.default_rng(0)
    chosen = random.permutation(len(references))[:_SAMPLED]
    most = -(-SAMPLE // len(chosen))  # of one reference: bounds the memory
    rows, n_rows = [], 0
    for at in chosen:
        found = runs_of(references[at]).rows
        n_rows += len(found)
        rows.append(found[random.permutation(len(found))[:most]])
    sample = np.concatenate(rows)
    return sample[random.permutation(len(sample))[:SAMPLE]], round(n_rows * len(references) / len(chosen))


def runs_of(pieces: Pieces) -> Runs:
    """Return what of a reference gets codes."""
    alike, columns = _ALIKE[pieces[0].space[0]], pieces[0].space[3]
    empty = Runs(np.zeros((0, columns), np.float32), np.zeros(0), np.zeros(0))
    found = [runs(unpack(one.vectors), np.asarray(one.times_s, np.float64), alike) for one in loaded(pieces)]
    return Runs(*(np.concatenate(column) for column in zip(empty, *found, strict=True)))
