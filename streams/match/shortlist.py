"""References worth an exact comparison, by what the row index finds to resemble a query's rows.

As in models/alignment.py a copy runs along a line, reference time = speed x query time + offset: similar rows count
together only if they lie on one. Chance spreads them, so that of unrelated references hardly any is compared.

Among many references some resemble any row, and those of one kind of scene resemble all rows of a post of that kind.
So a row counts by how much more similar it is to a reference than to the thirty-second most similar one: what chance
gives rises with the number of references, what is compared does not. It is a score normalisation, see normalisation.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.alignment_parameters import AlignmentParameters
from models.evidence import most_evidence, nats_of
from streams.match.normalisation import NEVER, Rows
from streams.match.product_codes import Numbers
from streams.match.row_index import Hits
from streams.match.runs import Times

type Nats = npt.NDArray[np.float64]

MOST_ROWS = 96
"""About the most rows of a query, or of a reference in the archive, that are looked up."""
_MOST_LIKELY, _MOST_POSSIBLE = 256, 20
"""References compared exactly for one query: those with the most evidence, and of those with little evidence."""
_LIKELY_NATS = 20.0
"""Evidence that chance hardly reaches."""
_CHANCE, _CLOSEST = 32, 8
"""Ranks of the references whose similarity to a row is taken as chance: to be compared, and to be compared first."""
_RIVALS = 2
"""References most similar to a row that may be its rivals, whatever the other rows resemble."""
_STEP_ROWS = 65_536
"""Rows, each at one speed, whose lines are computed in one step: bounds the memory."""
_SPEED_STEP = 1.08
_ROUNDING = 1e-6
_BITS = 32
_TOLERANCE_S = 1.0
"""Distance from a line, in reference time, at which a row still lies on it: the speeds tried are a step apart."""


def thinning(n_rows: int, most: int = MOST_ROWS) -> int:
    """Return the step between the rows that are looked up, of so many, to have about the most."""
    return max(1, round(n_rows / most))


@dataclass(frozen=True)
class Shortlist:
    """Rule by which references of one modality are chosen.

    Attributes
    ----------
    parameters
        Of the alignment.
    least_nats
        Evidence on one line from which a reference is compared: an alignment's penalty for the choice of the line is
        larger than most of it.
    most_chance
        Most that is taken as the cosine that chance gives: one video may be registered as many references.
    """

    parameters: AlignmentParameters
    least_nats: float
    most_chance: float = 0.0

    def choose(self, hits: Hits, times_s: Times) -> tuple[list[int], list[int]]:
        """Return the numbers of the references to compare, and of their rivals.

        Parameters
        ----------
        times_s
            Time of each row of the query, shape (n rows,).
        """
        # Numbers grow with every reference that ever was: from here on they are places among those that are similar.
        numbers, place = np.unique(hits.number, return_inverse=True)
        likely, rivals = self._chosen(hits._replace(number=place), times_s)
        return numbers[likely].tolist(), numbers[rivals].tolist()

    def _chosen(self, hits: Hits, times_s: Times) -> tuple[list[int], list[int]]:
        nearest = _nearest(hits)
        chance, closest = _of_ranks(nearest, len(times_s), (_CHANCE, _CLOSEST))
        possible = list(self.evidence(self._above(chance, hits), times_s))
        if len(possible) > _MOST_POSSIBLE:
            own = hits.at(np.flatnonzero(np.isin(hits.number, possible)))
            possible = _strongest(Shortlist(self.parameters, 0.0).evidence(self._above(closest, own), times_s))
        strongest = list(dict.fromkeys([*self._most_similar(hits), *possible]))
        return strongest, self._rivals(nearest) if strongest else []

    def evidence(self, hits: Hits, times_s: Times) -> dict[int, float]:
        """Return the evidence of each reference on its best line, nats, of those with enough; parameters as above."""
        distinct_s = np.unique(times_s)
        step_s = float(np.median(np.diff(distinct_s))) if len(distinct_s) > 1 else self.parameters.independent_s
        share = min(1.0, step_s / self.parameters.independent_s)
        # Once over all rows, before they are sorted, and once over those that count.
        possible = hits.at(self._with_enough(hits, most_evidence(hits.cosine[None], self.parameters), share))
        found = _best_of_each_time(possible, times_s, self.parameters.even)
        enough = max(1.0, min(float(self.parameters.min_pairs), 1.0 + share * (len(distinct_s) - 1)))
        nats = most_evidence(found.cosine[None], self.parameters)
        kept = self._with_enough(found, nats, share)
        kept = kept[self._with_enough_at_once(found.at(kept), nats[kept], times_s, share)]
        found, nats = found.at(kept), nats[kept]
        numbers, first = np.unique(found.number, return_index=True)
        if not len(numbers):
            return {}
        # The first time of a run counts in full, the others by how independent they are.
        first_nats = (1.0 - share) * np.maximum.reduceat(nats, first)
        best = np.zeros(len(numbers))
        speeds = self._speeds() if len(distinct_s) > 1 else np.ones(1)
        for some in np.array_split(speeds, min(len(speeds), 1 + len(speeds) * len(nats) // _STEP_ROWS)):
            total, agreeing = _on_best_line(found, first, np.outer(some, times_s[found.row]), share * nats)
            independent = 1.0 + share * (agreeing - 1.0)
            best = np.maximum(best, ((first_nats + total) * np.minimum(1.0, independent / enough)).max(axis=0))
        return {int(numbers[at]): float(best[at]) for at in np.flatnonzero(best >= self.least_nats)}

    def _with_enough(self, hits: Hits, nats: Nats, share: float) -> Numbers:
        """Return the indices of the rows of references with enough evidence if all rows counted, without sorting."""
        largest = np.zeros(int(hits.number.max(initial=-1)) + 1)
        np.maximum.at(largest, hits.number, nats)
        total = (1.0 - share) * largest + share * np.bincount(hits.number, nats, len(largest))
        return np.flatnonzero((total >= self.least_nats)[hits.number])

    def _with_enough_at_once(self, found: Hits, nats: Nats, times_s: Times, share: float) -> npt.NDArray[np.bool_]:
        """Return whether each row is of a reference with enough evidence if all rows near each other counted.

        A line has no more of a long query than fits into the reference, and chance spreads what is similar.
        """
        _, first, of = np.unique(found.number, return_index=True, return_inverse=True)
        if not len(first):
            return np.zeros(0, np.bool_)
        span_s = np.maximum.reduceat(found.end_s, first) - np.minimum.reduceat(found.start_s, first)
        longest_s = self.parameters.max_speed * (span_s + 2 * _TOLERANCE_S) + _ROUNDING
        at_s = times_s[found.row] + of * (np.ptp(times_s) + longest_s.max() + 1.0)
        total = np.concatenate([[0.0], np.cumsum(share * nats)])
        at_once = np.maximum.reduceat(total[np.searchsorted(at_s, at_s + longest_s[of], "right")] - total[:-1], first)
        enough = at_once + (1.0 - share) * np.maximum.reduceat(nats, first) >= self.least_nats - _ROUNDING
        return enough[of]

    def _above(self, chance: Rows, hits: Hits) -> Hits:
        """Return the hits above the cosine that chance gives their row, lowered by the excess of that over even."""
        of_hit = np.clip(chance, self.parameters.even, self.most_chance)[hits.row]
        above = np.flatnonzero(hits.cosine > of_hit)
        lowered = hits.cosine - (of_hit - self.parameters.even)
        return hits._replace(cosine=lowered.astype(np.float32)).at(above)

    def _most_similar(self, hits: Hits) -> list[int]:
        """Return the reference most similar in rows that may compete: of many of one video none may be above chance."""
        near = hits.at(np.flatnonzero(hits.cosine >= self.parameters.rival))
        numbers, owner = np.unique(near.number, return_inverse=True)
        total = np.bincount(owner, nats_of(near.cosine, self.parameters))
        return [int(numbers[total.argmax()])] if total.max(initial=0.0) >= self.least_nats else []

    def _speeds(self) -> Times:
        n_steps = int(np.ceil(np.log(self.parameters.max_speed) / np.log(_SPEED_STEP)))
        return np.geomspace(1 / self.parameters.max_speed, self.parameters.max_speed, 2 * n_steps + 1)

    def _rivals(self, nearest: Hits) -> list[int]:
        """Return the references most similar to each row, where that is similar enough to compete."""
        first = np.searchsorted(nearest.row, nearest.row)
        is_rival = (nearest.cosine >= self.parameters.rival) & (np.arange(len(first)) < first + _RIVALS)
        found: list[int] = np.unique(nearest.number[is_rival]).tolist()
        return found


def _strongest(evidence: dict[int, float]) -> list[int]:
    """Return the references with most evidence: those that chance hardly gives, or as many as chance may give."""
    ranked = sorted(evidence, key=evidence.__getitem__, reverse=True)
    n_likely = sum(nats >= _LIKELY_NATS for nats in evidence.values())
    return ranked[: min(_MOST_LIKELY, max(n_likely, _MOST_POSSIBLE))]


def _sortable(major: Numbers, cosine: Rows) -> Numbers:
    """Return whole numbers in the order of `major`, at most 2**31, then of cosines: one sort is faster than two."""
    bits = np.ascontiguousarray(cosine, np.float32).view(np.int32)
    ordered = bits ^ (bits >> 31 & np.int32(0x7FFFFFFF))  # of the negative ones the larger number is the smaller cosine
    sortable: Numbers = (major << _BITS) + ordered
    return sortable


def _nearest(hits: Hits) -> Hits:
    """Return the most similar hit of each row and reference, row by row, the most similar reference first."""
    order = np.argsort(_sortable(hits.row, -hits.cosine), kind="stable")
    _, first = np.unique(hits.row[order] << _BITS | hits.number[order], return_index=True)
    return hits.at(order[np.sort(first)])


def _of_ranks(nearest: Hits, n_rows: int, ranks: Sequence[int]) -> list[Rows]:
    """Return the cosine of each row with the reference of each rank in similarity to it, NEVER without so many."""
    begin, end = (np.searchsorted(nearest.row, np.arange(n_rows), side) for side in ("left", "right"))
    found = []
    for rank in ranks:
        has = np.flatnonzero(begin + rank <= end)
        found.append(np.full(n_rows, NEVER, np.float32))
        found[-1][has] = nearest.cosine[begin[has] + rank - 1]
    return found


def _best_of_each_time(hits: Hits, times_s: Times, floor: float) -> Hits:
    """Return the most similar row of each pair of reference and query time, by reference."""
    distinct_s, time = np.unique(times_s, return_inverse=True)
    near = np.flatnonzero(hits.cosine > floor)
    pair = hits.number[near] * len(distinct_s) + time[hits.row[near]]
    order = np.argsort(_sortable(pair, hits.cosine[near]), kind="stable")
    return hits.at(near[order[np.diff(pair[order], append=-1) != 0]])


def _on_best_line(found: Hits, first: Numbers, offset_s: Times, nats: Nats) -> tuple[Nats, Nats]:
    """Return the most evidence, and the most rows, at one offset of each speed, shape (speeds, references).

    A row lies on the lines of an interval of offsets, its own interval in reference time: the sum of what begins less
    what has ended is largest at the best one.
    """
    edge_s = np.concatenate([found.start_s - offset_s - _TOLERANCE_S, found.end_s - offset_s + _TOLERANCE_S], axis=1)
    reference = np.repeat(np.arange(len(first)), np.diff(first, append=len(nats)))
    apart_s = 1.0 + float(np.ptp(edge_s))  # so that one sort orders the edges of all references, one after the other
    order = np.argsort(edge_s + apart_s * np.tile(reference, 2), axis=1, kind="stable")
    sign = np.repeat([1.0, -1.0], len(nats))
    total, agreeing = (np.cumsum(each[order], axis=1) for each in (sign * np.tile(nats, 2), sign))
    return np.maximum.reduceat(total, 2 * first, axis=1), np.maximum.reduceat(agreeing, 2 * first, axis=1)
