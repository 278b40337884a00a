"""All active references as one searchable, immutable value; a change makes a new one and swaps it in."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from models.alignment import AUDIO, VISUAL, Alignment, AlignmentParameters, align
from schemas.ids import record_id
from schemas.matrix import unpack
from schemas.messages import Case, Descriptors, Interval, Match, Modality, Reference, Scores, Thumbnail

type Vectors = npt.NDArray[np.float32]
type Space = tuple[Modality, str, str, int]
"""Modality, model, version and columns: only vectors of one space can be compared."""

_ALIGNMENT: dict[Modality, AlignmentParameters] = {"visual": VISUAL, "audio": AUDIO}

PHRASE_FLOOR = 0.6
"""Cosine from which two sentences may mean the same; see models/text/card.md."""


def token(key: str, reference: Reference) -> str:
    """Return an id of this very piece of a reference: another one when its vectors or digests change."""
    content = b"\x00".join([key.encode(), reference.vectors.data, *reference.digests, reference.version.encode()])
    return sha256(content).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class ReferenceMatcher:
    """One reference in one modality, all its pieces joined in time order.

    Attributes
    ----------
    vectors
        float32 (n, d), L2-normalised.
    times_s
        float64 (n,), ascending.
    """

    case_id: str
    reference_id: str
    space: Space
    vectors: Vectors
    times_s: npt.NDArray[np.float64]
    digests: frozenset[bytes]

    def match(self, query: Descriptors, similarity: Vectors) -> Match | None:
        """Return how the query matches this reference, None if it does not.

        Parameters
        ----------
        similarity
            float32 (query rows, n): cosines of the query's rows with this reference's.
        """
        if self.space[0] == "text":
            return self._match_text(query, similarity)
        found = align(similarity, np.asarray(query.times_s), self.times_s, _ALIGNMENT[self.space[0]])
        return None if found is None else self._aligned(query, found)

    def _aligned(self, query: Descriptors, found: Alignment) -> Match:
        return Match(
            case_id=self.case_id,
            reference_id=self.reference_id,
            score=float(found.score),
            query=Interval(start_s=float(found.query[0]), end_s=float(found.query[1])),
            reference=Interval(start_s=float(found.reference[0]), end_s=float(found.reference[1])),
            speed=float(found.speed),
            thumbnail=_nearest(query.thumbnails, sum(found.query) / 2),
        )

    def _match_text(self, query: Descriptors, similarity: Vectors) -> Match | None:
        terms = len(self.digests.intersection(query.digests))
        likeness = float(similarity.max(initial=0.0))
        if not terms and likeness < PHRASE_FLOOR:
            return None
        nowhere = Interval(start_s=0.0, end_s=0.0)
        return Match(
            case_id=self.case_id,
            reference_id=self.reference_id,
            score=1.0 if terms else likeness,
            query=nowhere,
            reference=nowhere,
            terms=terms,
        )


class ReferenceIndex:
    """Every active reference; immutable, so that a search never sees half a change.

    Parameters
    ----------
    entries
        Key, entry and piece of every active reference, as `Cases.references` yields them.
    """

    def __init__(self, entries: Iterable[tuple[str, Case, Reference]] = ()) -> None:
        grouped: dict[tuple[str, str, Space], list[Reference]] = defaultdict(list)
        self.pieces: dict[str, tuple[str, str, Space, Reference]] = {}
        for key, case, piece in entries:
            space = _space(piece)
            grouped[case.case_id, piece.reference_id, space].append(piece)
            self.pieces[token(key, piece)] = (case.case_id, piece.reference_id, space, piece)
        self._matchers = {group: _join(*group, pieces) for group, pieces in grouped.items()}
        self._banks = {space: _Bank(group) for space, group in _by_space(self._matchers.values()).items()}

    def search(self, query: Descriptors) -> list[Match]:
        """Return the query's matches with every reference, best first; pure, may take long: run it in a thread."""
        bank = self._banks.get(_space(query))
        if bank is None:
            return []
        matches = [match for matcher, block in bank.blocks(query) if (match := matcher.match(query, block))]
        return sorted(matches, key=lambda match: match.score, reverse=True)

    def match_one(self, piece_token: str, query: Descriptors) -> Match | None:
        """Return the query's match with the reference that this piece belongs to."""
        case_id, reference_id, space, _ = self.pieces[piece_token]
        matcher = self._matchers[case_id, reference_id, space]
        return matcher.match(query, _similarity(query, matcher.vectors))


def scores(descriptors: Descriptors, matches: list[Match], late_token: str | None = None) -> Scores:
    """Return the record that says how a segment matched, also when it matched nobody."""
    return Scores(
        score_id=record_id("scores", descriptors.descriptor_id, late_token or ""),
        segment=descriptors.segment,
        modality=descriptors.modality,
        model=descriptors.model,
        version=descriptors.version,
        late=late_token is not None,
        matches=matches,
        explicit=descriptors.explicit,
    )


class _Bank:
    """The references of one space, stacked for one matrix product."""

    def __init__(self, matchers: list[ReferenceMatcher]) -> None:
        self._matchers = matchers
        self._vectors = np.concatenate([matcher.vectors for matcher in matchers])
        self._bounds = np.cumsum([0, *(len(matcher.vectors) for matcher in matchers)])

    def blocks(self, query: Descriptors) -> Iterable[tuple[ReferenceMatcher, Vectors]]:
        similarity = _similarity(query, self._vectors)
        for matcher, (start, end) in zip(self._matchers, pairwise(self._bounds), strict=True):
            yield matcher, similarity[:, start:end]


def _space(described: Descriptors | Reference) -> Space:
    return described.modality, described.model, described.version, described.vectors.columns


def _similarity(query: Descriptors, vectors: Vectors) -> Vectors:
    rows = unpack(query.vectors)
    if not len(rows) or not len(vectors):
        return np.zeros((len(rows), len(vectors)), np.float32)
    product: Vectors = rows @ vectors.T
    return product


def _by_space(matchers: Iterable[ReferenceMatcher]) -> dict[Space, list[ReferenceMatcher]]:
    spaces: dict[Space, list[ReferenceMatcher]] = defaultdict(list)
    for matcher in matchers:
        spaces[matcher.space].append(matcher)
    return spaces


def _join(case_id: str, reference_id: str, space: Space, pieces: list[Reference]) -> ReferenceMatcher:
    ordered = sorted(pieces, key=lambda piece: piece.segment)
    parts = [unpack(piece.vectors) for piece in ordered]
    times: list[Any] = [time for piece in ordered for time in piece.times_s]
    return ReferenceMatcher(
        case_id=case_id,
        reference_id=reference_id,
        space=space,
        vectors=np.concatenate(parts),
        times_s=np.asarray(times, np.float64),
        digests=frozenset(digest for piece in ordered for digest in piece.digests),
    )


def _nearest(thumbnails: list[Thumbnail], time_s: float) -> bytes | None:
    return min(thumbnails, key=lambda thumbnail: abs(thumbnail.time_s - time_s)).jpeg if thumbnails else None
