"""Temporal alignment of two sequences of descriptors: matching passages and their evidence.

Lines reference time = speed x query time + offset are found by temporal Hough voting (models/voting.py) and scored
exactly: each query time adds or subtracts evidence in nats, the log-likelihood ratio of its similarity on a copy and by
chance. The evidence is reduced for times too near each other to be independent, for the number of lines tried, for
frames as similar off the line as on it, and for runs of fewer agreeing times than there could be.
"""

from dataclasses import replace

from models.aligned_pair import Alignment, Pair
from models.alignment_parameters import AlignmentParameters
from models.evidence import score_of
from models.voting import Similarity, Times, best_per_time

_MAX_PASSAGES = 8
_CLEAR_NATS = 60.0
"""Evidence from which a query is not read backwards too."""
BACKWARDS_NATS = 25.0
"""Penalty of each passage of that reading: few copies play backwards, and a camera that turns back looks like one."""


def align(
    similarity: Similarity, query_times_s: Times, reference_times_s: Times, parameters: AlignmentParameters
) -> Alignment | None:
    """Return the best passage, or None if there is no evidence of one; see `alignments`."""
    return next(iter(alignments(similarity, query_times_s, reference_times_s, parameters, 1)), None)


def alignments(
    similarity: Similarity,
    query_times_s: Times,
    reference_times_s: Times,
    parameters: AlignmentParameters,
    most: int = _MAX_PASSAGES,
) -> list[Alignment]:
    """Return the passages of a query that run along the reference, most evidence first, without shared query times.

    Cuts, loops and reordering make several passages. The search is greedy: the best line, then the best line of the
    remaining times.

    Parameters
    ----------
    similarity
        Cosines, shape (n_query, n_reference).
    query_times_s
        Shape (n_query,); several rows of one time are views of one frame, of which the best counts for each pair.
    reference_times_s
        Shape (n_reference,), likewise.
    """
    if not similarity.size:
        return []
    forwards = _passages(_pair(similarity, query_times_s, reference_times_s, parameters), most)
    if not parameters.backwards or _total(forwards) >= _CLEAR_NATS:
        return forwards
    end_s = float(query_times_s.max())
    found = _passages(_pair(similarity, end_s - query_times_s, reference_times_s, parameters), most, BACKWARDS_NATS)
    backwards = [_turned(one, end_s, parameters) for one in found if one.evidence > BACKWARDS_NATS]
    return backwards if _total(backwards) > _total(forwards) else forwards


def _total(passages: list[Alignment]) -> float:
    return sum(passage.evidence for passage in passages)


def _turned(passage: Alignment, end_s: float, parameters: AlignmentParameters) -> Alignment:
    evidence = passage.evidence - BACKWARDS_NATS
    query = (end_s - passage.query[1], end_s - passage.query[0])
    return replace(passage, query=query, evidence=evidence, score=score_of(evidence, parameters))


def _passages(pair: Pair, most: int, least_nats: float = 0.0) -> list[Alignment]:
    """Return passages, among them all with more evidence than the least; where none can have any, at little cost."""
    found: list[Alignment] = []
    while len(found) < most and pair.most_nats() > least_nats and (run := pair.best_run()) is not None:
        found.append(pair.passage(run))
        pair.free[run.rows[0] : run.rows[-1] + 1] = False
    return sorted(found, key=lambda one: one.evidence, reverse=True)


def joint_score(passages: list[Alignment], parameters: AlignmentParameters) -> float:
    """Return the score, 0 to 1, of passages together: their evidence adds up."""
    return score_of(_total(passages), parameters)


def _pair(similarity: Similarity, query_s: Times, reference_s: Times, parameters: AlignmentParameters) -> Pair:
    return Pair(*best_per_time(similarity, query_s, reference_s), parameters)
