"""One reference in one modality: its vectors in time order and their match with a query."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from models.aligned_pair import Alignment
from models.alignment import alignments, joint_score
from models.alignment_parameters import AUDIO, VISUAL, AlignmentParameters
from models.audio.likeness import relative
from models.landmarks.peaks import Peaks
from models.landmarks.rows import NO_PEAKS, is_comparable, joined, unpack_peaks
from models.still_alignment import align_stills
from models.still_scene import References, is_still
from models.text.links import leads_away
from models.text.terms import Named, named
from models.voice.likeness import most_similar_run
from schemas.matrix import unpack
from schemas.messages import Descriptors, Interval, Match, Passage, PieceModality, Reference
from streams.match.landmarks import corrected
from streams.match.normalisation import Rows
from streams.match.stills import is_one_moment, nearest_still

type Space = tuple[PieceModality, str, str, int]
"""Modality, model, version and columns: only vectors of one space can be compared."""

ALIGNMENT: dict[PieceModality, AlignmentParameters] = {"visual": VISUAL, "audio": AUDIO}

PERHAPS_NAMED = 0.7
"""Score of a text that contains a term only as an abbreviation or in another weak form: never enough by itself."""
JOINTLY_NAMED = 0.85
"""Score of weak hits that support each other: a review, never an act."""
_PERHAPS, _ENOUGH = 2, 3
"""Points: two for a weak form or a phrase of the case, one for a common word or a link that leads away."""
PHRASE_FLOOR = 0.6
"""Cosine from which two sentences may mean the same; see models/text/card.md."""


def space_of(described: Descriptors | Reference) -> Space:
    """Return the space in which the vectors can be compared."""
    return described.modality, described.model, described.version, described.vectors.columns


@dataclass(frozen=True, slots=True)
class ReferenceMatcher:
    """One reference in one modality, all its pieces joined in time order.

    Attributes
    ----------
    vectors
        float32 (n, d), L2-normalised.
    times_s
        float64 (n,), ascending; several rows of one time are views of one frame.
    """

    case_id: str
    reference_id: str
    space: Space
    vectors: Rows
    times_s: npt.NDArray[np.float64]
    digests: frozenset[bytes]
    still: bool = False
    """Whether these are pictures by a camera that stands still."""
    landmarks: Peaks = field(default_factory=NO_PEAKS.copy)
    """Of a sound; none where it was described without."""

    @classmethod
    def join(cls, case_id: str, reference_id: str, space: Space, pieces: Sequence[Reference]) -> "ReferenceMatcher":
        """Return the matcher of a reference from its pieces, in any order."""
        ordered = sorted(pieces, key=lambda piece: piece.segment)
        times: list[Any] = [time for piece in ordered for time in piece.times_s]
        vectors, times_s = np.concatenate([unpack(piece.vectors) for piece in ordered]), np.asarray(times, np.float64)
        return cls(
            case_id=case_id,
            reference_id=reference_id,
            space=space,
            vectors=vectors,
            times_s=times_s,
            digests=frozenset(digest for piece in ordered for digest in piece.digests),
            still=space[0] == "visual" and is_still(vectors, times_s, max(one.duration_s for one in pieces)),
            landmarks=_landmarks(ordered),
        )

    @property
    def reference(self) -> tuple[str, str]:
        """Case and reference."""
        return self.case_id, self.reference_id

    def match(self, query: Descriptors, similarity: Rows) -> Match | None:
        """Return the query's match with this reference, None without one.

        Parameters
        ----------
        similarity
            float32 (query rows, n): cosines of the query's rows with this reference's, normalised.
        """
        if self.space[0] == "text":
            return self._match_text(query, similarity)
        times_s = np.asarray(query.times_s)
        if self.space[0] == "visual" and is_one_moment(times_s):
            return self._match_still(query, similarity)
        if self.still:
            return match_rooms(query, [self], unpack(query.vectors) @ self.vectors.T, similarity)[0]
        parameters = ALIGNMENT[self.space[0]]
        if self.space[0] == "audio":
            similarity = relative(similarity)
        found = alignments(similarity, times_s, self.times_s, parameters)
        if self.space[0] == "visual" and is_one_moment(self.times_s):
            found = found[:1]  # one picture, which many frames of another recording of its room resemble a little
        match = self._match_aligned(query, found, joint_score(found, parameters)) if found else None
        return corrected(match, query, self.landmarks) if match and self.space[0] == "audio" else match

    def shows_room(self, query: Descriptors) -> bool:
        """Return whether a query is compared with what is of the room and what is of the recording."""
        return self.still and not is_one_moment(np.asarray(query.times_s))

    def _match_aligned(self, query: Descriptors, found: list[Alignment], score: float) -> Match:
        best, *_ = passages = [_passage(alignment) for alignment in found]
        return Match(
            case_id=self.case_id,
            reference_id=self.reference_id,
            score=score,
            query=best.query,
            reference=best.reference,
            speed=best.speed,
            thumbnail=query.thumbnail_at((best.query.start_s + best.query.end_s) / 2),
            passages=passages,
        )

    def _match_still(self, query: Descriptors, similarity: Rows) -> Match | None:
        found = nearest_still(unpack(query.vectors), similarity, self.vectors, self.times_s, is_still=self.still)
        if found is None:
            return None
        query_s = query.times_s[0]
        return Match(
            case_id=self.case_id,
            reference_id=self.reference_id,
            score=found.score,
            query=Interval(start_s=query_s, end_s=query_s),
            reference=Interval(start_s=found.start_s, end_s=found.end_s),
            thumbnail=query.thumbnail_at(query_s),
        )

    def match_voice(self, runs: Rows, times_s: npt.NDArray[np.float64]) -> Match | None:
        """Return the match of a query's runs of windows with this voice, see `most_similar_run`, None without one."""
        found = most_similar_run(runs, times_s, self.vectors)
        if found is None:
            return None
        return Match(
            case_id=self.case_id,
            reference_id=self.reference_id,
            score=found.score,
            query=Interval(start_s=found.query[0], end_s=found.query[1]),
            reference=Interval(start_s=float(self.times_s[0]), end_s=float(self.times_s[-1])),
        )

    def _match_text(self, query: Descriptors, similarity: Rows) -> Match | None:
        found = named(self.digests, query.digests)
        likeness = float(similarity.max(initial=0.0))
        score, terms = _text_score(found, likeness, any(map(leads_away, query.links)))
        if score < PHRASE_FLOOR:
            return None
        no_interval = Interval(start_s=0.0, end_s=0.0)  # a text has no times
        return Match(
            case_id=self.case_id,
            reference_id=self.reference_id,
            score=score,
            query=no_interval,
            reference=no_interval,
            terms=terms,
        )


def match_rooms(
    query: Descriptors, matchers: Sequence[ReferenceMatcher], cosines: Rows, similarity: Rows
) -> list[Match | None]:
    """Return the match of a query of several moments with each of some references whose cameras stand still.

    Parameters
    ----------
    cosines
        Of the query's rows with all rows of the references, one reference after the other.
    similarity
        These, normalised.
    """
    references = References([one.vectors for one in matchers], [one.times_s for one in matchers])
    found = align_stills(unpack(query.vectors), np.asarray(query.times_s, np.float64), references, cosines, similarity)
    return [
        matcher._match_aligned(query, [one], one.score) if one else None  # noqa: SLF001 - of this module
        for matcher, one in zip(matchers, found, strict=True)
    ]


def _landmarks(pieces: Sequence[Reference]) -> Peaks:
    kept = [(piece.landmarks, piece.start_s) for piece in pieces if piece.landmarks]
    return joined(unpack_peaks(landmarks, start_s) for landmarks, start_s in kept if is_comparable(landmarks))


def _text_score(found: Named, likeness: float, has_link: bool) -> tuple[float, int]:
    """Return the score of a text, and how many terms it is evidence of.

    A weak hit alone is no evidence: it counts with another hit, a link that leads away, or a phrase of the case.
    """
    n_terms = found.surely + found.perhaps + found.commonly
    if found.surely:
        return 1.0, n_terms
    if not n_terms:
        return likeness, 0
    points = _PERHAPS * found.perhaps + found.commonly + has_link + _PERHAPS * (likeness >= PHRASE_FLOOR)
    if points >= _ENOUGH:
        return max(likeness, JOINTLY_NAMED), n_terms
    return max(likeness, PERHAPS_NAMED), 0


def _passage(found: Alignment) -> Passage:
    (query_start, query_end), (start, end) = found.query, found.reference
    return Passage(
        query=Interval(start_s=query_start, end_s=query_end),
        reference=Interval(start_s=start, end_s=end),
        speed=found.speed,
        score=found.score,
    )
