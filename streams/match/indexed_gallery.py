"""References of one space, of which there are many: a row index finds the few that a query may resemble.

Those few are compared by an exact gallery of their own, with the vectors read from their file: a score is the same as
in a gallery of all references, unless a rival was not found.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import copy
from typing import Self

import numpy as np
from rpds import HashTrieMap

from schemas.matrix import unpack
from schemas.messages import Descriptors, Match, PieceModality
from streams.engine.freed_memory import release_freed
from streams.match.gallery import Gallery
from streams.match.normalisation import Benign, Rows
from streams.match.piece import Name, Pieces, Table, loaded
from streams.match.reference_matcher import ALIGNMENT, ReferenceMatcher
from streams.match.row_codes import SAMPLE, Codes
from streams.match.row_index import RowIndex
from streams.match.runs import Runs, runs
from streams.match.shortlist import Shortlist, thinning
from streams.match.stills import whole_pictures
from streams.match.term_index import TermIndex

_ALIKE: Mapping[PieceModality, float] = {"visual": 0.77, "audio": 0.7}
"""Cosine from which a row of a reference continues what the frame before shows, and gets no code of its own: frames of
one shot, and overlapping windows of sound. With the mean of such rows as the code, fewer references are missed."""
_SHORTLISTS: Mapping[PieceModality, Shortlist] = {
    "visual": Shortlist(ALIGNMENT["visual"], least_nats=5.0, most_chance=0.6),
    "audio": Shortlist(ALIGNMENT["audio"], least_nats=4.0, most_chance=0.5),
}
_COMPARED = 2_000_000
"""Codes compared with a query, see ops/docs/performance.md."""
_GROWTH = 8
"""Numbers given out for each reference at the training, beyond which the codes may no longer suit the references."""
_SAMPLED = 2_000
"""References whose rows train the codes."""


class IndexedGallery:
    """Many references of one space, each with a number that no other one gets; immutable.

    Parameters
    ----------
    codes
        Codes of the references' rows.
    n_trained
        Number of references when the codes were trained.
    """

    def __init__(self, codes: Codes, n_trained: int) -> None:
        self._n_trained, self._n_numbers = n_trained, 0
        self._members: Table[int, Pieces] = HashTrieMap()
        self._numbers: Table[Name, int] = HashTrieMap()
        self._index, self._terms = RowIndex(codes), TermIndex()

    @classmethod
    def build(cls, references: Sequence[Pieces], benign: Benign) -> Self:
        """Return the gallery of these references; reads them all, and takes about 10 ms for a minute of each."""
        made = cls(Codes.train(*_sampled(references)), len(references))
        made._change((), references, benign)
        release_freed()  # the rows that were read take several times the memory of their codes
        return made

    def changed(self, removed: Iterable[Name], added: Sequence[Pieces], benign: Benign) -> "IndexedGallery":
        """Return the gallery without and with these references; only their rows are read.

        After many changes all are read: for codes that suit them, and so that numbers and shards do not grow for ever.
        """
        made, gone = copy(self), [name for name in removed if name in self._numbers]
        if self._n_numbers + len(added) <= _GROWTH * self._n_trained:
            made._change(gone, added, benign)  # noqa: SLF001 - its own
            return made
        kept = sorted(set(self._members).difference(self._numbers[name] for name in gone))
        return IndexedGallery.build([*(self._members[number] for number in kept), *added], benign)

    def _change(self, gone: Collection[Name], added: Sequence[Pieces], benign: Benign) -> None:
        """Replace what changes; nothing is changed in place, because the gallery before still has it."""
        numbers = [self._numbers[name] for name in gone]
        fresh = list(enumerate(added, start=self._n_numbers))
        self._n_numbers += len(added)
        self._members = _replaced(self._members, numbers, fresh)
        self._numbers = _replaced(self._numbers, gone, ((pieces[0].reference, number) for number, pieces in fresh))
        self._index = self._index.without(numbers).with_added((number, runs_of(pieces)) for number, pieces in fresh)
        terms = ((number, [digest for piece in pieces for digest in piece.digests]) for number, pieces in fresh)
        self._terms = self._terms.without(numbers).with_added(terms)
        self._benign = benign

    def search(self, query: Descriptors) -> list[Match]:
        """Return the query's matches, unordered."""
        likely, rivals = self._likely(query)
        compared = self._matchers(likely)
        if not compared:
            return []
        found = self._exact(compared).search(query)
        # A rival only lowers scores, and none of a video where the camera stands still: it is read for other matches.
        is_video = not len(whole_pictures(query))
        still = {one.reference for one in compared.values() if one.still and is_video}
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
        hits = self._index.hits(rows[::step], _COMPARED)
        found, rivals = _SHORTLISTS[query.modality].choose(hits, times_s[::step])
        return self._terms.owners(query.digests).union(found), set(rivals)

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


def _replaced[K, V](table: Table[K, V], gone: Iterable[K], fresh: Iterable[tuple[K, V]]) -> Table[K, V]:
    for key in gone:
        table = table.remove(key)
    return table.update(fresh)


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
