"""References of one space: similarities of a query to all of them, and alignment with the few candidates."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

import numpy as np
import numpy.typing as npt

from models.evidence import most_evidence
from models.voting import max_by
from schemas.matrix import unpack
from schemas.messages import Descriptors, Match
from streams.match.exact import exact_match, is_exact
from streams.match.normalisation import NEVER, TWIN, Background, Normalisation, Rows, rivals
from streams.match.reference_matcher import ALIGNMENT, PHRASE_FLOOR, ReferenceMatcher
from streams.match.term_index import TermIndex

_STEP_ROWS = 32_768
"""Rows of references in one matrix product: bounds the memory of a search for an index of any size."""
_MAX_ALIGNED = 256
"""References aligned for one query: those with the highest bound on their evidence."""
_NORMALISATION = Normalisation()


class Gallery:
    """Wanted references of one space, and the space's benign rows; immutable.

    A score depends on the query and the whole gallery, never on how the pair was found: `search` and `match` agree.
    """

    def __init__(
        self,
        matchers: Sequence[ReferenceMatcher],
        benign: Rows,
        rule: Normalisation = _NORMALISATION,
        benign_digests: frozenset[bytes] = frozenset(),
    ) -> None:
        self._matchers = list(matchers)
        self._terms = TermIndex().with_added(enumerate(one.digests for one in self._matchers))
        self._background = Background(benign, rule)
        self._benign_digests = benign_digests
        number = {case_id: at for at, case_id in enumerate(dict.fromkeys(one.case_id for one in matchers))}
        self._owners = np.array([number[one.case_id] for one in matchers], np.intp)
        self._benign: dict[int, npt.NDArray[np.bool_]] = {}

    def search(self, query: Descriptors, among: AbstractSet[tuple[str, str]] | None = None) -> list[Match]:
        """Return the query's matches, unordered.

        Parameters
        ----------
        among
            Case and reference of those to match; the others are only their rivals. None for all.
        """
        similarities = _QuerySimilarities(query, self._matchers, self._owners, self._background)
        likely = similarities.resembling() if query.modality == "text" else similarities.candidates()
        numbers = sorted(self._terms.owners(query.digests) | set(likely))
        if among is not None:
            numbers = [number for number in numbers if self._matchers[number].reference in among]
        found = [self._match(query, similarities, number) for number in numbers]
        return [match for match in found if match is not None]

    def match(self, reference: tuple[str, str], query: Descriptors) -> Match | None:
        """Return the query's match with one of these references; costs as much as a search without its alignments.

        Parameters
        ----------
        reference
            Case and reference; one that was withdrawn meanwhile matches nothing.
        """
        numbers = [at for at, one in enumerate(self._matchers) if one.reference == reference]
        if not numbers:
            return None
        similarities = _QuerySimilarities(query, self._matchers, self._owners, self._background)
        return self._match(query, similarities, numbers[0])

    def _match(self, query: Descriptors, similarities: "_QuerySimilarities", number: int) -> Match | None:
        if is_exact(query, self._matchers[number], self._benign_digests):
            return exact_match(query, self._matchers[number])
        if query.modality == "voice":
            return self._matchers[number].match_voice(query)
        similarity = similarities.normalised(number)
        similarity[:, self._benign_rows(number)] = NEVER
        return self._matchers[number].match(query, similarity)

    def _benign_rows(self, number: int) -> npt.NDArray[np.bool_]:
        """Return which rows of a reference are benign; few references need it, so it is computed on first use."""
        if number not in self._benign:
            self._benign[number] = self._background.contains(self._matchers[number].vectors)
        return self._benign[number]


class _QuerySimilarities:
    def __init__(
        self,
        query: Descriptors,
        matchers: list[ReferenceMatcher],
        owners: npt.NDArray[np.intp],
        background: Background,
    ) -> None:
        self._rows, self._times = unpack(query.vectors), np.asarray(query.times_s, np.float64)
        self._matchers, self._owners = matchers, owners
        self._parameters = ALIGNMENT.get(query.modality)
        self._levels = background.levels(self._rows)
        self._maxima = _maxima(self._rows, [one.vectors for one in matchers])
        # Two cases may have phrases of one meaning, or one song: texts and sounds do not compete.
        self._rival_floor = self._parameters.rival if self._parameters else 1.0
        competes = self._rival_floor < 1.0
        self._rivals = rivals(self._maxima, owners) if competes else np.full_like(self._maxima, NEVER)

    def candidates(self) -> list[int]:
        """Return the references that may have evidence, by the bound on it, highest first."""
        if self._parameters is None:
            return list(range(len(self._matchers)))
        if not len(self._rows):
            return []
        # Rivals are left to `normalised`, which handles twins: this must bound the evidence from above.
        best = self._levels.normalised(self._maxima, np.full(len(self._rows), NEVER), self._rival_floor)
        times, group = np.unique(self._times, return_inverse=True)
        evidence = most_evidence(max_by(best, group, len(times)), self._parameters)
        order = np.argsort(-evidence, kind="stable")[:_MAX_ALIGNED]
        return [int(number) for number in order if evidence[number] > 0.0]

    def resembling(self) -> list[int]:
        """Return the references with a row of one meaning with a row of the query."""
        return [int(number) for number in np.flatnonzero(self._maxima.max(axis=0, initial=NEVER) >= PHRASE_FLOOR)]

    def normalised(self, number: int) -> Rows:
        """Return the normalised similarities of the query's rows to one reference's; shape (rows, its rows)."""
        similarity = _product(self._rows, self._matchers[number].vectors)
        if self._matchers[number].still:  # two recordings of one room compete by how they vary, not by likeness
            return self._levels.normalised(similarity, np.full(len(self._rows), NEVER), self._rival_floor)
        rival = self._rivals[:, number].copy()
        for row in np.flatnonzero(np.minimum(rival, self._maxima[:, number]) > self._rival_floor):
            if self._is_twin(int(row), number, similarity[row]):
                rival[row] = NEVER
        return self._levels.normalised(similarity, rival, self._rival_floor)

    def _is_twin(self, row: int, number: int, similarity: Rows) -> bool:
        """Return whether a query row's nearest rows in one reference and in its rival are the same picture."""
        others = np.where(self._owners != self._owners[number], self._maxima[row], NEVER)
        rival = self._matchers[int(others.argmax())].vectors
        rivals_nearest = rival[int((rival @ self._rows[row]).argmax())]
        return bool(self._matchers[number].vectors[int(similarity.argmax())] @ rivals_nearest >= TWIN)


def _maxima(rows: Rows, references: Sequence[Rows]) -> Rows:
    """Return the largest similarity of each row to each reference, NEVER where one has no rows."""
    found = np.full((len(rows), len(references)), NEVER, np.float32)
    lengths = np.array([len(vectors) for vectors in references], np.intp)
    filled = np.flatnonzero(lengths)
    if not len(rows) or not len(filled):
        return found
    step_of = np.cumsum(lengths[filled]) // _STEP_ROWS
    for step in np.split(filled, np.flatnonzero(np.diff(step_of)) + 1):
        first = np.cumsum(lengths[step]) - lengths[step]
        stacked = np.concatenate([references[number] for number in step.tolist()])
        found[:, step] = np.maximum.reduceat(_product(rows, stacked), first, axis=1)
    return found


def _product(rows: Rows, vectors: Rows) -> Rows:
    if not len(rows) or not len(vectors):
        return np.zeros((len(rows), len(vectors)), np.float32)
    product: Rows = rows @ vectors.T
    return product
