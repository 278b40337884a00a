"""A query and a reference along lines: the run of agreeing times with most evidence, and its passage."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from models.alignment_parameters import AlignmentParameters
from models.evidence import nats_of, score_of, supporting_times
from models.voting import Indices, Line, Similarity, Times, likely_lines

_MIN_FIT = 4
"""Least number of agreeing times from which a slope is fitted."""
_SPEED_NATS, _SPEED_FULL = 3.0, math.log(1.25)
"""Penalty for a speed other than 1, in full from a quarter faster or slower: few copies are."""
_KEPT = 0.9
"""Share of a line's evidence that the refitted line must keep: it is more exact, with fewer chance matches."""
_EDGE_S = 2.5
"""Most that a passage extends beyond the first or last time of a video."""
_LEAST_WEIGHT = 0.02
"""Weight of a time that shows the same as the one before."""
_OFF_LINE = 0.9
"""Quantile of the similarities of one query time off the line, above which those on it must rise."""
_MIN_OFF_LINE = 3
"""Least number of reference times off the line for that quantile."""


@dataclass(frozen=True)
class Alignment:
    """One passage: an interval of the query that runs along the reference."""

    score: float
    """0 to 1, rising with the evidence: one half at ``AlignmentParameters.half``."""
    evidence: float
    """Nats, above 0."""
    query: tuple[float, float]
    """Start and end, seconds: the agreeing times and half a step on either side."""
    reference: tuple[float, float]
    speed: float
    """Seconds of the reference that pass in one second of the query."""
    n_pairs: int
    """Number of agreeing query times."""


class Run(NamedTuple):
    """Agreeing times along a line."""

    line: Line
    rows: Indices
    evidence: float


class Pair:
    """Similarities of the distinct times of a query and a reference, and the query times without a passage so far."""

    def __init__(self, best: Similarity, query_s: Times, reference_s: Times, parameters: AlignmentParameters) -> None:
        self.best, self.query_s, self.reference_s = best, query_s, reference_s
        self.free = np.ones(len(query_s), np.bool_)
        self._given = parameters
        self._weight = _weights(best, query_s, parameters)
        available = min(self._weight.sum(), _weights(best.T, reference_s, parameters).sum())
        self._wanted = max(1.0, min(float(parameters.min_pairs), float(available)))
        self._lines_nats = self._penalty_of_lines()
        self._most = np.clip(nats_of(best.max(axis=1), parameters), 0.0, parameters.most).astype(np.float64)

    def most_nats(self) -> float:
        """Return an upper bound of the evidence of a run among the times still free, whatever its line."""
        most, weight = self._most[self.free], self._weight[self.free]
        first = float((most * (1.0 - weight)).max(initial=0.0))  # see `_run`
        return float((most * weight).sum()) + first - self._lines_nats

    def best_run(self) -> Run | None:
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

    def passage(self, run: Run) -> Alignment:
        """Return the passage of a run: its ends are half-way to the next time that does not agree."""
        speed, offset = run.line
        starts, ends = edges(self.query_s, self._given.window_s)
        query = np.maximum(0.0, [starts[run.rows[0]], ends[run.rows[-1]]])
        first, last = edges(self.reference_s, self._given.window_s)
        reference = np.clip(speed * query + offset, max(0.0, first[0]), last[-1])
        query = np.clip((reference - offset) / speed, *query)
        return Alignment(
            score=score_of(run.evidence, self._given),
            evidence=run.evidence,
            query=(float(query[0]), float(query[1])),
            reference=(float(reference[0]), float(reference[1])),
            speed=speed,
            n_pairs=len(run.rows),
        )

    def _fitted(self, line: Line) -> Run:
        """Return the run along the line refitted to its own pairs, or along the first if refitting loses evidence."""
        on_line, column = self._along(line)
        first = self._run(line, on_line)
        rows = first.rows
        if not len(rows):
            return first
        fitted = self._refitted(line, self.query_s[rows], self.reference_s[column[rows]], on_line[rows])
        refitted = self._run(fitted, self._along(fitted)[0])
        return refitted if refitted.evidence >= _KEPT * first.evidence else first

    def _refitted(self, line: Line, query_s: Times, reference_s: Times, similarity: Similarity) -> Line:
        """Return the least-squares line through these pairs, weighted by similarity; few pairs keep the slope."""
        weight = similarity - self._given.floor + 0.05
        if len(query_s) < _MIN_FIT:
            return Line(line.speed, float(np.average(reference_s - line.speed * query_s, weights=weight)))
        square = weight.astype(np.float64) ** 2
        query_mean, reference_mean = np.average(query_s, weights=square), np.average(reference_s, weights=square)
        apart = query_s - query_mean
        slope = (square * apart) @ reference_s / ((square * apart) @ apart)  # numpy's polyfit takes five times as long
        offset = reference_mean - slope * query_mean
        return Line(float(np.clip(slope, 1 / self._given.max_speed, self._given.max_speed)), float(offset))

    def _along(self, line: Line) -> tuple[Similarity, Indices]:
        """Return the best similarity near the line at each query time, NaN without a reference time, and its column."""
        at_s = line.speed * self.query_s + line.offset_s
        first = np.searchsorted(self.reference_s, at_s - self._given.tolerance_s - 1e-9)
        after = np.searchsorted(self.reference_s, at_s + self._given.tolerance_s + 1e-9, side="right")
        near = first[:, None] + np.arange(max(1, int((after - first).max(initial=0))))
        column = np.minimum(near, len(self.reference_s) - 1)
        rows = np.arange(len(at_s))
        here = np.where(near < after[:, None], self.best[rows[:, None], column], -np.inf)
        best = here.argmax(axis=1)
        found = here[rows, best]
        return np.where(np.isneginf(found), np.float32(np.nan), found), column[rows, best]

    def _gain(self, on_line: Similarity) -> Times:
        """Return the evidence of each query time, nats; 0 without a reference time."""
        gain = np.clip(nats_of(on_line, self._given), -self._given.miss, self._given.most)
        weighed: Times = np.where(np.isnan(gain), np.float32(0.0), gain).astype(np.float64) * self._weight
        return weighed

    def _run(self, line: Line, on_line: Similarity) -> Run:
        """Return the interval with most evidence among the times still free, by its agreeing times."""
        gain = self._gain(on_line)
        rows = supporting_times(np.where(self.free, gain, -1e6))
        if not len(rows):
            return Run(line, rows, 0.0)
        stretch = slice(int(rows[0]), int(rows[-1]) + 1)
        # The first time of the run counts in full, whatever precedes it outside of the run.
        found = float(gain[stretch].sum() + gain[rows[0]] * (1.0 / self._weight[rows[0]] - 1.0))
        enough = min(1.0, self._independent(rows) / self._wanted)
        evidence = enough * self._specific(line, rows, on_line, found) - self._penalty(line)
        return Run(line, rows, evidence)

    def _independent(self, rows: Indices) -> float:
        return 1.0 + float(self._weight[rows[1:]].sum())

    def _penalty_of_lines(self) -> float:
        """Return the logarithm of the number of possible lines, nats."""
        tried_s = 2.0 * self._given.tolerance_s
        # A still picture, however long, can be aligned to the reference in few ways.
        span_s = min(float(np.ptp(self.query_s)), float(self._weight[1:].sum()) * self._given.independent_s * 10.0)
        offsets = 1.0 + (float(np.ptp(self.reference_s)) + span_s) / tried_s
        speeds = 1.0 + span_s * (self._given.max_speed - 1.0 / self._given.max_speed) / tried_s / 4.0
        return math.log(min(offsets * speeds, float(self.best.size)))

    def _penalty(self, line: Line) -> float:
        """Return the penalty of a line, nats: that of the choice among all, plus that of its speed."""
        return self._lines_nats + _SPEED_NATS * min(1.0, abs(math.log(line.speed)) / _SPEED_FULL)

    def _specific(self, line: Line, rows: Indices, on_line: Similarity, found: float) -> float:
        """Return the evidence reduced by what the same times match off the line, unless their similarity is high."""
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
        """Return the mean margin of the run on its line over off it; None with too few reference times off it."""
        away = np.abs(self.reference_s - (line.speed * self.query_s[rows] + line.offset_s)[:, None])
        off = away > self._given.around_s + self._given.tolerance_s
        n_off = int(off.sum(axis=1).min())
        if n_off < _MIN_OFF_LINE:
            return None
        others = np.where(off, self.best[rows], np.float32(-1.0))
        level = -math.ceil((1.0 - _OFF_LINE) * n_off)
        return float((on_line[rows] - np.partition(others, level, axis=1)[:, level]).mean())


def _weights(best: Similarity, times_s: Times, parameters: AlignmentParameters) -> Times:
    """Return the weight of each time as independent evidence, 0 to 1, by its distance and difference from the last."""
    apart = np.minimum(1.0, np.diff(times_s) / parameters.independent_s)
    if parameters.changed > 0.0:
        apart *= np.clip(np.abs(np.diff(best, axis=0)).max(axis=1) / parameters.changed, _LEAST_WEIGHT, 1.0)
    return np.concatenate([[1.0], apart])


def edges(times_s: Times, window_s: float) -> tuple[Times, Times]:
    """Return start and end of the interval of each time, seconds: half-way to its neighbours, or its window.

    Parameters
    ----------
    times_s
        Ascending, shape (n,), as the starts and the ends are.
    window_s
        Duration centred on each time; 0 for a single moment.
    """
    steps = np.diff(times_s)
    usual = min(2.0 * _EDGE_S, float(np.median(steps))) if len(steps) else 0.0
    half = np.concatenate([[usual], steps, [usual]]) / 2.0
    if window_s > 0.0:
        return times_s - window_s / 2, times_s + window_s / 2
    return times_s - half[:-1], times_s + half[1:]
