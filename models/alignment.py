"""Where two sequences of descriptors show the same thing, and how much evidence the whole of it is.

Lines reference time = speed x query time + offset are found by temporal Hough voting (models/voting.py) and judged
exactly: each query time adds or takes evidence in nats, a logarithm of how much likelier its similarity is on a copy
than by chance. What follows is taken off: times too near each other to be independent, the number of lines that were
tried, frames that are as alike off the line as on it, and runs of fewer times than there were to agree.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.voting import Indices, Line, Similarity, Times, best_per_time, likely_lines

_MAX_PASSAGES = 8
_MIN_FIT = 4
"""Agreeing times from which a slope can be drawn."""
_SPEED_NATS, _SPEED_FULL = 3.0, math.log(1.25)
"""Price of a speed other than 1, reached at a quarter faster or slower: few copies are."""
_KEPT = 0.9
"""Of a line's evidence that one drawn through its own pairs must keep: it lies better, and finds fewer by chance."""
_EDGE_S = 2.5
"""Most that a passage reaches beyond the first or last time of a video."""
_OLD = 0.02
"""Least weight of a time that shows what the one before did."""
_OFF_LINE = 0.9
"""Of the similarities of one query time off the line: the level that those on it must rise above."""
_MIN_OFF_LINE = 3
"""Reference times off the line from which that level is known."""


@dataclass(frozen=True)
class AlignmentParameters:
    """What a similarity is worth as evidence, and what makes a sequence; see ops/bench/alignment_calibration.py."""

    floor: float
    """Least similarity of a pair that votes for lines."""
    even: float
    """Similarity at which a copy and chance are alike: above it a time is evidence for, below it against."""
    nats: float
    """Evidence per unit of similarity."""
    most: float
    """Most that one independent time may say for a copy, nats."""
    miss: float
    """Most that it may say against one."""
    tolerance_s: float
    """How far a pair may lie from the line, in reference time."""
    independent_s: float
    """Distance of query times from which each counts in full."""
    changed: float
    """A time that differs nowhere by this much from the one before shows a still scene, and counts in part."""
    min_pairs: int
    """Independent times that must agree for a run to count in full; fewer if one side has fewer."""
    half: float
    """Evidence, nats, that makes a score of one half."""
    contrast: float = 0.0
    """How much higher than off the line a run must be on it to count in full; 0: this is not looked at."""
    sure: float = 1.0
    """Similarity that chance hardly reaches: from here on a time says more."""
    sure_nats: float = 0.0
    """Further evidence per unit of similarity above that."""
    still: float = 0.7
    """Similarity from which it counts all the same: a still scene is alike everywhere."""
    around_s: float = 2.5
    """Reference time on either side of the line that is not off it."""
    rival: float = 1.0
    """Similarity from which a query row is taken from a reference by one of another case that it resembles more."""
    max_speed: float = 2.0
    """Speeds from 1 / max_speed to max_speed are tried."""
    window_s: float = 0.0
    """How long a stretch around its time a descriptor stands for; 0: it is one moment."""


VISUAL = AlignmentParameters(
    floor=0.25,
    even=0.30,
    nats=25.0,
    most=30.0,
    miss=3.0,
    tolerance_s=0.75,
    independent_s=1.0,
    changed=0.15,
    min_pairs=3,
    half=8.0,
    contrast=0.06,
    rival=0.45,
    sure=0.8,
    sure_nats=60.0,
)
"""For frames one to ten seconds apart against frames a second apart."""
AUDIO = AlignmentParameters(
    floor=0.25,
    even=0.25,
    nats=14.0,
    most=8.0,
    miss=0.5,
    tolerance_s=0.3,
    independent_s=1.5,
    changed=0.0,
    min_pairs=3,
    half=8.0,
    max_speed=1.25,
    window_s=2.67,
)
"""For windows of 2.67 s each quarter of a second, told by their middles; no greater change of speed is survived."""


@dataclass(frozen=True)
class Alignment:
    """One passage: a stretch of the query that runs along the reference."""

    score: float
    """0 to 1, rising with the evidence: one half at ``AlignmentParameters.half``."""
    evidence: float
    """Nats, above 0."""
    query: tuple[float, float]
    """From when to when, seconds: the agreeing times and half of a step on either side."""
    reference: tuple[float, float]
    speed: float
    """Seconds of the reference that pass in one second of the query."""
    n_pairs: int
    """Query times that agree."""


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
    """Return the passages of a query that run along the reference, most evidence first; each query time is in one.

    Cuts, loops and another order make several passages. They are found greedily: the best line, then the best line of
    the times it left.

    Parameters
    ----------
    similarity
        Cosines, shape (n_query, n_reference).
    query_times_s
        Shape (n_query,); several rows of one time are views of one frame, and the best counts for each pair.
    reference_times_s
        Shape (n_reference,), likewise.
    """
    if not similarity.size:
        return []
    found: list[Alignment] = []
    pair = _Pair(*best_per_time(similarity, query_times_s, reference_times_s), parameters)
    while len(found) < most and (run := pair.best_run()) is not None:
        found.append(pair.passage(run))
        pair.free[run.rows[0] : run.rows[-1] + 1] = False
    return sorted(found, key=lambda one: one.evidence, reverse=True)


def joint_score(passages: list[Alignment], parameters: AlignmentParameters) -> float:
    """Return the score, 0 to 1, of passages together: their evidence adds up."""
    return _score(sum(passage.evidence for passage in passages), parameters)


def most_evidence(row_maxima: Similarity, parameters: AlignmentParameters) -> npt.NDArray[np.float64]:
    """Return an upper bound of the evidence, nats, from the largest similarity of each query time; sums the first axis.

    What this leaves at 0 needs no aligning.
    """
    gains = np.clip(_nats(row_maxima, parameters), 0.0, parameters.most)
    bound: npt.NDArray[np.float64] = gains.sum(axis=0, dtype=np.float64)
    return bound


def _nats(similarity: Similarity, parameters: AlignmentParameters) -> Similarity:
    """Return what one time's similarity says for a copy, nats: a line that is steeper where chance hardly reaches."""
    sure = np.maximum(similarity - np.float32(parameters.sure), np.float32(0.0)) * np.float32(parameters.sure_nats)
    nats: Similarity = (similarity - np.float32(parameters.even)) * np.float32(parameters.nats) + sure
    return nats


def _score(evidence: float, parameters: AlignmentParameters) -> float:
    return evidence / (evidence + parameters.half)


class _Run(NamedTuple):
    """Times that agree along a line."""

    line: Line
    rows: Indices
    evidence: float


class _Pair:
    """Similarities of the distinct times of a query and a reference, and which query times are in no passage yet."""

    def __init__(self, best: Similarity, query_s: Times, reference_s: Times, parameters: AlignmentParameters) -> None:
        self.best, self.query_s, self.reference_s = best, query_s, reference_s
        self.free = np.ones(len(query_s), np.bool_)
        self._given = parameters
        self._weight = _weights(best, query_s, parameters)
        there_are = min(self._weight.sum(), _weights(best.T, reference_s, parameters).sum())
        self._wanted = max(1.0, min(float(parameters.min_pairs), float(there_are)))

    def best_run(self) -> _Run | None:
        """Return the run with most evidence among the times still free, None if none has any."""
        given = self._given
        runs = [
            self._fitted(line)
            for line in likely_lines(
                np.where(self.free[:, None], self.best, np.float32(-1.0)),
                self.query_s,
                self.reference_s,
                floor=given.floor,
                tolerance_s=given.tolerance_s,
                max_speed=given.max_speed,
            )
        ]
        best = max(runs, key=lambda run: run.evidence, default=None)
        return best if best is not None and best.evidence > 0.0 else None

    def passage(self, run: _Run) -> Alignment:
        """Return what to tell of a run: its ends are half-way to the next time that does not agree."""
        speed, offset = run.line
        starts, ends = _edges(self.query_s, self._given.window_s)
        query = np.maximum(0.0, [starts[run.rows[0]], ends[run.rows[-1]]])
        first, last = _edges(self.reference_s, self._given.window_s)
        reference = np.clip(speed * query + offset, max(0.0, first[0]), last[-1])
        query = np.clip((reference - offset) / speed, *query)
        return Alignment(
            score=_score(run.evidence, self._given),
            evidence=run.evidence,
            query=(float(query[0]), float(query[1])),
            reference=(float(reference[0]), float(reference[1])),
            speed=speed,
            n_pairs=len(run.rows),
        )

    def _fitted(self, line: Line) -> _Run:
        """Return the run along a line drawn once more through its own pairs; if that lost much, along the first."""
        on_line, column = self._along(line)
        rows = self._stretch(on_line)
        if not len(rows):
            return _Run(line, rows, 0.0)
        fitted = self._drawn(line, self.query_s[rows], self.reference_s[column[rows]], on_line[rows])
        on_fitted, _ = self._along(fitted)
        plain, drawn = self._judged(line, rows, on_line), self._judged(fitted, self._stretch(on_fitted), on_fitted)
        return drawn if drawn.evidence >= _KEPT * plain.evidence else plain

    def _drawn(self, line: Line, query_s: Times, reference_s: Times, similarity: Similarity) -> Line:
        """Return the line through these pairs, weighed by similarity; of the same slope if they are too few for one."""
        weight = similarity - self._given.floor + 0.05
        if len(query_s) < _MIN_FIT:
            return Line(line.speed, float(np.average(reference_s - line.speed * query_s, weights=weight)))
        slope, offset = np.polyfit(query_s, reference_s, 1, w=weight)
        return Line(float(np.clip(slope, 1 / self._given.max_speed, self._given.max_speed)), float(offset))

    def _along(self, line: Line) -> tuple[Similarity, Indices]:
        """Return the best similarity near the line at each query time, NaN where the reference has none, and where."""
        at_s = line.speed * self.query_s + line.offset_s
        first = np.searchsorted(self.reference_s, at_s - self._given.tolerance_s - 1e-9)
        after = np.searchsorted(self.reference_s, at_s + self._given.tolerance_s + 1e-9, side="right")
        found = np.full(len(at_s), np.nan, np.float32)
        column = first.copy()
        rows = np.arange(len(at_s))
        for step in range(int((after - first).max(initial=0))):
            at = np.minimum(first + step, len(self.reference_s) - 1)
            seen = np.where(first + step < after, self.best[rows, at], np.float32(np.nan))
            column = np.where(~(seen <= found), at, column) if step else at
            found = np.fmax(found, seen)
        return found, column

    def _gain(self, on_line: Similarity) -> Times:
        """Return the evidence of each query time, nats; 0 where the reference has no time."""
        gain = np.clip(_nats(on_line, self._given), -self._given.miss, self._given.most)
        weighed: Times = np.nan_to_num(gain).astype(np.float64) * self._weight
        return weighed

    def _stretch(self, on_line: Similarity) -> Indices:
        """Return the agreeing times of the stretch with most evidence (Kadane's maximum subarray)."""
        gain = np.where(self.free, self._gain(on_line), -1e6)
        total = np.concatenate([[0.0], np.cumsum(gain)])
        lowest = np.minimum.accumulate(total[:-1])
        end = int((total[1:] - lowest).argmax())
        start = int(total[: end + 1].argmin())
        inside = np.arange(start, end + 1)
        return inside[gain[inside] > 0.0]

    def _judged(self, line: Line, rows: Indices, on_line: Similarity) -> _Run:
        if not len(rows):
            return _Run(line, rows, 0.0)
        stretch = slice(int(rows[0]), int(rows[-1]) + 1)
        gain = self._gain(on_line)
        # Whatever came before it outside of the run, its first time is news to the run.
        found = float(gain[stretch].sum() + gain[rows[0]] * (1.0 / self._weight[rows[0]] - 1.0))
        enough = min(1.0, self._independent(rows) / self._wanted)
        evidence = enough * self._specific(line, rows, on_line, found) - self._price(line)
        return _Run(line, rows, evidence)

    def _independent(self, rows: Indices) -> float:
        return 1.0 + float(self._weight[rows[1:]].sum())

    def _price(self, line: Line) -> float:
        """Return the logarithm of how many lines could have been found, and what this speed costs."""
        tried_s = 2.0 * self._given.tolerance_s
        # A still picture, however long it is shown, can be laid along the reference in few ways.
        span_s = min(float(np.ptp(self.query_s)), float(self._weight[1:].sum()) * self._given.independent_s * 10.0)
        offsets = 1.0 + (float(np.ptp(self.reference_s)) + span_s) / tried_s
        speeds = 1.0 + span_s * (self._given.max_speed - 1.0 / self._given.max_speed) / tried_s / 4.0
        n_lines = min(offsets * speeds, float(self.best.size))
        return math.log(n_lines) + _SPEED_NATS * min(1.0, abs(math.log(line.speed)) / _SPEED_FULL)

    def _specific(self, line: Line, rows: Indices, on_line: Similarity, found: float) -> float:
        """Return the evidence less what the same times find off the line, unless it is high in itself."""
        if self._given.contrast <= 0.0 or found <= 0.0:
            return found
        contrast = self._contrast(line, rows, on_line)
        if contrast is None:
            return found
        sure = np.clip((on_line[rows] - self._given.still) * self._given.nats, 0.0, self._given.most)
        anyway = float((sure * self._weight[rows]).sum())
        share = min(1.0, max(0.0, contrast / self._given.contrast))
        return share * found + (1.0 - share) * min(found, anyway)

    def _contrast(self, line: Line, rows: Indices, on_line: Similarity) -> float | None:
        """Return how much higher the run is on its line than off it; None if the reference has too little off it."""
        away = np.abs(self.reference_s - (line.speed * self.query_s[rows] + line.offset_s)[:, None])
        off = away > self._given.around_s + self._given.tolerance_s
        n_off = int(off.sum(axis=1).min())
        if n_off < _MIN_OFF_LINE:
            return None
        others = np.where(off, self.best[rows], np.float32(-1.0))
        level = -math.ceil((1.0 - _OFF_LINE) * n_off)
        return float((on_line[rows] - np.partition(others, level, axis=1)[:, level]).mean())


def _weights(best: Similarity, times_s: Times, parameters: AlignmentParameters) -> Times:
    """Return how much each time says beyond the one before, 0 to 1, by how far and how different it is."""
    apart = np.minimum(1.0, np.diff(times_s) / parameters.independent_s)
    if parameters.changed > 0.0:
        apart *= np.clip(np.abs(np.diff(best, axis=0)).max(axis=1) / parameters.changed, _OLD, 1.0)
    return np.concatenate([[1.0], apart])


def _edges(times_s: Times, window_s: float) -> tuple[Times, Times]:
    """Return from when to when each time stands for: half-way to its neighbours, or its window."""
    steps = np.diff(times_s)
    usual = min(2.0 * _EDGE_S, float(np.median(steps))) if len(steps) else 0.0
    half = np.concatenate([[usual], steps, [usual]]) / 2.0
    if window_s > 0.0:
        return times_s - window_s / 2, times_s + window_s / 2
    return times_s - half[:-1], times_s + half[1:]
