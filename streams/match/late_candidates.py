"""Archived segments worth a comparison with a new reference: all that a live search could match, and few others.

The archive has the cosines of a segment's rows, not the rest of its descriptors, which are fetched from their topic for
each candidate. So `admits` bounds the evidence of models/alignment.py, models/still_alignment.py and stills.py from
above: what it rejects, these would reject. The lines are left out of the bound, though not what choosing one costs.

Cosines estimated from codes have no such bound. `likely` takes the evidence on the best line, as the index of
references does (shortlist.py), with a reserve below what a score takes.
"""

import math
from dataclasses import dataclass

import numpy as np

from models.alignment import BACKWARDS_NATS
from models.alignment_parameters import AlignmentParameters
from models.evidence import nats_of
from schemas.messages import PieceModality, Reference
from streams.match.archive import CandidateRule, NearPairs, NearTimes
from streams.match.product_codes import Numbers
from streams.match.reference_matcher import ALIGNMENT, PHRASE_FLOOR, ReferenceMatcher
from streams.match.row_index import Hits
from streams.match.shortlist import Shortlist
from streams.match.stills import LEAST_COSINE

_ROUNDING = 1e-4
"""Largest difference of a cosine computed by the archive."""
_VOICE = 0.6
"""Cosine of two windows, above which lie those of runs that the voice's likeness rates above 0 (a mean of 0.77), as
long as the windows of a run resemble each other."""
_SEGMENT_S = 60.0
"""Longest segment."""
_ERROR, _MOST_ERROR = 0.03, 0.1
"""About the standard error of an estimated cosine, and the most of nearly all."""
_LEAST_NATS = 2.0
_SURELY: dict[PieceModality, float] = {"visual": 2.0, "audio": 1.6}
"""Estimated evidence from which codes make a candidate: so many nats, and so many times the least penalty. A score of
0.3 takes the penalty of the line, which is larger, and 3.4 nats."""
_BELOW: dict[PieceModality, float] = {"visual": _ERROR, "audio": _ERROR / 2}
"""How far below the floor an estimated cosine counts: of sounds a hundredth of all pairs does by chance."""


@dataclass(frozen=True, slots=True)
class AnyRow:
    """One row is enough."""

    floor: float

    @property
    def estimated_floor(self) -> float:
        """Estimated cosine of a row that may be near enough."""
        return self.floor - _MOST_ERROR

    def admits(self, near: NearTimes) -> bool:
        """Return True."""
        return len(near.times_s) > 0

    def likely(self, near: NearPairs) -> Numbers:
        """Return all."""
        return np.unique(near.hits.number)


@dataclass(frozen=True, slots=True)
class Aligned:
    """Evidence that could exceed the penalty for the choice of a line."""

    parameters: AlignmentParameters
    penalty: float
    """Nats."""
    surely: float = 1.6
    """Estimated evidence for so many penalties makes a candidate."""
    below: float = _ERROR
    """How far below the floor an estimated cosine counts."""

    @property
    def floor(self) -> float:
        """Cosine from which a row is evidence."""
        return self.parameters.even - _ROUNDING

    @property
    def estimated_floor(self) -> float:
        """Estimated cosine from which a row may be evidence; of many the errors cancel out."""
        return self.floor - self.below

    def admits(self, near: NearTimes) -> bool:
        """Return whether the most evidence of these times exceeds the penalty."""
        nats = nats_of(near.cosine + np.float32(_ROUNDING), self.parameters)
        gain = np.clip(nats, 0.0, self.parameters.most).astype(np.float64)
        apart_s = np.diff(near.times_s, prepend=-math.inf, append=math.inf)
        weight = np.minimum(1.0, np.maximum(apart_s[:-1], apart_s[1:]) / self.parameters.independent_s)
        # The first time of a run counts in full, whichever that is.
        return float((weight * gain).sum() + ((1.0 - weight) * gain).max()) > self.penalty

    def likely(self, near: NearPairs) -> Numbers:
        """Return the segments with evidence on one line that exceeds the penalty clearly."""
        least = max(_LEAST_NATS, self.surely * self.penalty)
        hits = near.hits._replace(cosine=near.hits.cosine + np.float32(_ERROR))
        found = set(Shortlist(self.parameters, least).evidence(hits, near.times_s))
        if self.parameters.backwards:
            found |= set(Shortlist(self.parameters, least + BACKWARDS_NATS / 2).evidence(hits, -near.times_s))
        return np.array(sorted(found), np.int64)


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures: of a still one is enough, and so are two times of a segment before a camera that stands still."""

    aligned: Aligned
    still: bool
    """Whether the reference's camera stands still."""
    whole: bool
    """Whether the piece is the whole reference."""

    @property
    def floor(self) -> float:
        """Cosine from which a row is evidence."""
        return self.aligned.floor

    @property
    def estimated_floor(self) -> float:
        """Estimated cosine from which a row may be evidence."""
        return self.aligned.estimated_floor

    def admits(self, near: NearTimes) -> bool:
        """Return whether a segment could match by the rule that its comparison would follow."""
        if near.n_times == 1:
            return float(near.cosine.max()) >= LEAST_COSINE - _ROUNDING
        if not self.still:
            return self.aligned.admits(near)
        # How the pictures vary, which outweighs any likeness, is compared along three times at least.
        if len(near.times_s) > 1 or not self.whole:
            return True
        nats = nats_of(near.cosine + np.float32(_ROUNDING), self.aligned.parameters)
        return float(nats.max()) > math.log(near.n_times)

    def likely(self, near: NearPairs) -> Numbers:
        """Return the segments that `admits` would, with the evidence of moving ones on one line."""
        is_still = near.n_times[near.hits.number] == 1
        stills = near.hits.at(np.flatnonzero(is_still & (near.hits.cosine >= LEAST_COSINE - _ERROR)))
        moving = near.hits.at(np.flatnonzero(~is_still))
        found = self._of_one_room(moving) if self.still else self.aligned.likely(near._replace(hits=moving))
        return np.union1d(np.unique(stills.number), found)

    def _of_one_room(self, hits: Hits) -> Numbers:
        """Return the segments that are near at two times at least."""
        times = np.unique(np.stack([hits.number.astype(np.float64), hits.start_s]), axis=1)[0]
        numbers, n_times = np.unique(times.astype(np.int64), return_counts=True)
        return numbers[n_times > 1]


def rule_of(piece: Reference, reference: ReferenceMatcher, n_pieces: int) -> CandidateRule:
    """Return the rule for a piece of a reference.

    A passage may lie in several pieces, so each is searched for its share of the evidence.

    Parameters
    ----------
    reference
        All of it.
    n_pieces
        Its number of pieces.
    """
    if piece.modality not in ALIGNMENT:
        return AnyRow(PHRASE_FLOOR - _ROUNDING if piece.modality == "text" else _VOICE)
    parameters = ALIGNMENT[piece.modality]
    span_s = parameters.max_speed * _SEGMENT_S
    n_shares = min(n_pieces, 1 + math.ceil(span_s / max(1.0, piece.duration_s)))
    penalty, modality = _least_penalty(reference, parameters) / n_shares, piece.modality
    aligned = Aligned(parameters, penalty, _SURELY[modality], _BELOW[modality])
    return Pictures(aligned, reference.still, n_pieces == 1) if piece.modality == "visual" else aligned


def _least_penalty(reference: ReferenceMatcher, parameters: AlignmentParameters) -> float:
    """Return the least that an alignment subtracts for the number of lines tried, nats."""
    if not len(reference.times_s):
        return 0.0
    n_offsets = 1.0 + float(np.ptp(reference.times_s)) / (2.0 * parameters.tolerance_s)
    return math.log(min(n_offsets, float(len(np.unique(reference.times_s)))))
