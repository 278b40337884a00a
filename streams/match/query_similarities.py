"""Similarities of a query to the references of a gallery, less what is chance: a background, and their rivals."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.evidence import most_evidence
from models.voting import Indices, max_by
from schemas.matrix import unpack
from schemas.messages import Descriptors
from streams.match.normalisation import NEVER, TWIN, Background, Rows, rivals
from streams.match.reference_matcher import ALIGNMENT, PHRASE_FLOOR, ReferenceMatcher
from streams.match.stills import OF_ROOM, whole_pictures

_STEP_ROWS = 32_768
"""Rows of references in one matrix product: bounds the memory of a search for an index of any size."""
_MAX_ALIGNED = 256
"""References aligned for one query: those with the highest bound on their evidence."""


class Stack(NamedTuple):
    """Rows of references one after the other, for one matrix product: they are put together once, not by each query."""

    numbers: Indices
    """Of the references."""
    first: Indices
    """First row of each."""
    rows: Rows


def stacked(matchers: Iterable[ReferenceMatcher]) -> tuple[list[ReferenceMatcher], list[Stack]]:
    """Return references whose rows are in stacks, so that they are in memory once, and these."""
    found, stacks = list(matchers), []
    for numbers in steps([one.vectors for one in found]):
        own = [found[number].vectors for number in numbers]
        stack = Stack(numbers, np.cumsum([0, *map(len, own[:-1])]), np.concatenate(own))
        for number, rows in zip(numbers.tolist(), np.split(stack.rows, stack.first[1:]), strict=True):
            found[number] = replace(found[number], vectors=rows)
        stacks.append(stack)
    return found, stacks


def steps(references: Sequence[Rows]) -> list[Indices]:
    """Return the references that have rows, by number, as many together as one matrix product should have at most."""
    lengths = np.array([len(vectors) for vectors in references], np.intp)
    filled = np.flatnonzero(lengths)
    if not len(filled):
        return []
    return np.split(filled, np.flatnonzero(np.diff(np.cumsum(lengths[filled]) // _STEP_ROWS)) + 1)


class QuerySimilarities:
    """Similarities of one query's rows to all references of a gallery."""

    def __init__(
        self,
        query: Descriptors,
        matchers: list[ReferenceMatcher],
        stacks: Sequence[Stack],
        owners: npt.NDArray[np.intp],
        background: Background,
    ) -> None:
        self._rows, self._times = unpack(query.vectors), np.asarray(query.times_s, np.float64)
        self._matchers, self._owners = matchers, owners
        self._parameters = ALIGNMENT.get(query.modality)
        self._levels = background.levels(self._rows)
        self._maxima = _maxima(self._rows, stacks, len(matchers))
        # Two cases may have phrases of one meaning, or one song: texts and sounds do not compete.
        self._rival_floor = self._parameters.rival if self._parameters else 1.0
        competes = self._rival_floor < 1.0
        self._whole = whole_pictures(query)
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
        similarity = self.cosines([number])
        if self._matchers[number].still:
            similarity[self._of_another(number)] = NEVER
            return self.without_rivals(similarity)
        rival = self._rivals[:, number].copy()
        for row in np.flatnonzero(np.minimum(rival, self._maxima[:, number]) > self._rival_floor):
            if self._is_twin(int(row), number, similarity[row]):
                rival[row] = NEVER
        return self._levels.normalised(similarity, rival, self._rival_floor)

    def without_rivals(self, cosines: Rows) -> Rows:
        """Return cosines normalised: two recordings of one room compete by how they vary, not by likeness."""
        return self._levels.normalised(cosines, np.full(len(self._rows), NEVER), self._rival_floor)

    def cosines(self, numbers: Sequence[int]) -> Rows:
        """Return the cosines of the query's rows with these references', one reference after the other.

        Each is a product of its own: in one with others the last bits depend on them, and so would scores.
        """
        return np.concatenate([_product(self._rows, self._matchers[number].vectors) for number in numbers], axis=1)

    def _of_another(self, number: int) -> npt.NDArray[np.bool_]:
        """Return which rows of a single picture, which cannot vary, show another case's recording: all if it does."""
        if not len(self._whole):
            return np.zeros(len(self._rows), np.bool_)
        own, rival = self._maxima[:, number], self._rivals[:, number] - np.float32(self._levels.rule.margin)
        whole = own[self._whole].max()
        return (rival >= own) | bool(whole >= OF_ROOM and rival[self._whole].max() >= whole)

    def _is_twin(self, row: int, number: int, similarity: Rows) -> bool:
        """Return whether a query row's nearest rows in one reference and in its rival are the same picture."""
        others = np.where(self._owners != self._owners[number], self._maxima[row], NEVER)
        rival = self._matchers[int(others.argmax())].vectors
        rivals_nearest = rival[int((rival @ self._rows[row]).argmax())]
        return bool(self._matchers[number].vectors[int(similarity.argmax())] @ rivals_nearest >= TWIN)


def _maxima(rows: Rows, stacks: Sequence[Stack], n_references: int) -> Rows:
    """Return the largest similarity of each row to each reference, NEVER where one has no rows."""
    found = np.full((len(rows), n_references), NEVER, np.float32)
    for stack in stacks if len(rows) else ():
        found[:, stack.numbers] = np.maximum.reduceat(_product(rows, stack.rows), stack.first, axis=1)
    return found


def _product(rows: Rows, vectors: Rows) -> Rows:
    if not len(rows) or not len(vectors):
        return np.zeros((len(rows), len(vectors)), np.float32)
    product: Rows = rows @ vectors.T
    return product
