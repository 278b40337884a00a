"""Where two sequences of descriptors show the same thing, and how strongly the whole run says so.

Temporal Hough voting (Douze et al. 2010, "An image-based approach to video copy detection with spatio-temporal
post-filtering"): each similar pair votes for the lines reference time = speed x query time + offset on which it lies;
the lines with most votes are then judged exactly.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.float64]
Similarity = npt.NDArray[np.float32]

_MAX_PAIRS = 20_000
"""Similar pairs that may vote, strongest first: bounds the time spent on still scenes, where everything is alike."""
_MAX_LINES = 6
"""Lines judged exactly."""
_SPEED_STEP = 1.03
_SPEED_COST, _MAX_SPEED_COST = 0.7, 0.15
"""Share of its votes a line loses per doubling or halving of speed, and at most: of like lines take the plain one."""
_MIN_FIT = 4
"""Distinct times from which a slope can be drawn."""
_GAP_COST = 0.1
"""Similarity above the floor that a run must bring to bridge one time without agreement."""


@dataclass(frozen=True)
class AlignmentParameters:
    """What counts as similar, and how much of it makes a sequence."""

    floor: float
    """Least similarity of a pair that votes."""
    sure: float
    """Similarity from which a pair counts in full; between the floor and this, in part."""
    tolerance_s: float
    """How far a pair may lie from the line, in reference time."""
    min_pairs: int
    """Distinct times that must agree for a run to score its similarity in full; fewer if one side has fewer."""
    max_speed: float = 2.0
    """Speeds from 1 / max_speed to max_speed are tried."""


VISUAL = AlignmentParameters(floor=0.35, sure=0.5, tolerance_s=0.75, min_pairs=3)
"""For frames about a second apart; chosen with ops/bench/visual_views.py."""
AUDIO = AlignmentParameters(floor=0.3, sure=0.65, tolerance_s=0.3, min_pairs=16, max_speed=1.25)
"""For windows of 3.35 s each quarter of a second, which no other speed survives; ops/bench/audio_fingerprint.py."""


@dataclass(frozen=True)
class Alignment:
    """The best aligned run."""

    score: float
    """0 to 1: mean similarity of the run, less where few times agree, they agree weakly, or the run has gaps."""
    query: tuple[float, float]
    """First and last agreeing time, seconds."""
    reference: tuple[float, float]
    speed: float
    """Seconds of the reference that pass in one second of the query."""
    n_pairs: int
    """Distinct times that agree, counted on the side that has fewer."""


def align(
    similarity: Similarity, query_times_s: Times, reference_times_s: Times, parameters: AlignmentParameters
) -> Alignment | None:
    """Return the best aligned run, or None if nothing is similar.

    Parameters
    ----------
    similarity
        Cosines, shape (n_query, n_reference).
    query_times_s
        Shape (n_query,); several rows of one time are views of one frame, and the best counts for each pair.
    reference_times_s
        Shape (n_reference,), likewise.
    """
    best, query_times, reference_times = _best_per_time(similarity, query_times_s, reference_times_s)
    rows, columns = _voters(best, parameters.floor)
    if not len(rows):
        return None
    pairs = _Pairs(rows, columns, best[rows, columns], query_times[rows], reference_times[columns])
    wanted = min(parameters.min_pairs, len(query_times), len(reference_times))
    runs = [_fitted_run(pairs, line, parameters) for line in _likely_lines(pairs, parameters)]
    run, speed = max(runs, key=lambda found: _evidence(found[0], found[1], parameters.floor))
    return _judge(run, speed, wanted, parameters)


@dataclass(frozen=True)
class _Pairs:
    """Similar pairs: row and column in the matrix of distinct times, similarity, and the two times."""

    row: npt.NDArray[np.intp]
    column: npt.NDArray[np.intp]
    similarity: Similarity
    query_s: Times
    reference_s: Times

    def take(self, which: npt.NDArray[np.intp] | slice) -> "_Pairs":
        return _Pairs(
            self.row[which], self.column[which], self.similarity[which], self.query_s[which], self.reference_s[which]
        )


def _best_per_time(
    similarity: Similarity, query_times_s: Times, reference_times_s: Times
) -> tuple[Similarity, Times, Times]:
    """Keep the largest similarity per pair of distinct times, times rising."""
    query_times, row = np.unique(query_times_s, return_inverse=True)
    reference_times, column = np.unique(reference_times_s, return_inverse=True)
    best = _max_by(similarity, row, len(query_times))
    return _max_by(best.T, column, len(reference_times)).T, query_times, reference_times


def _max_by(rows: Similarity, group: npt.NDArray[np.intp], n_groups: int) -> Similarity:
    """Return the elementwise maximum of the rows of each group, shape (n_groups, columns)."""
    order = np.argsort(group, kind="stable")
    first = np.searchsorted(group[order], np.arange(n_groups))
    best: Similarity = np.maximum.reduceat(rows[order], first, axis=0)
    return best


def _voters(best: Similarity, floor: float) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    flat = np.flatnonzero(best >= floor)
    if len(flat) > _MAX_PAIRS:
        flat = flat[np.argpartition(best.ravel()[flat], -_MAX_PAIRS)[-_MAX_PAIRS:]]
    return np.divmod(flat, best.shape[1])


def _likely_lines(pairs: _Pairs, parameters: AlignmentParameters) -> list[tuple[float, float]]:
    """Return speed and offset of the lines with most votes, the best of each speed."""
    n_steps = int(np.ceil(np.log(parameters.max_speed) / np.log(_SPEED_STEP)))
    speeds = np.geomspace(1 / parameters.max_speed, parameters.max_speed, 2 * n_steps + 1)
    weight = pairs.similarity - parameters.floor + 0.05
    lines = []
    for speed in speeds:
        offsets = pairs.reference_s - speed * pairs.query_s
        first = offsets.min()
        bins = ((offsets - first) / parameters.tolerance_s).astype(np.intp)
        votes = np.bincount(bins, weights=weight, minlength=int(bins.max()) + 2)
        votes = votes[:-1] + votes[1:]  # neighbouring bins together: a run on the border of two is not halved
        winner = int(votes.argmax())
        lines.append(
            (float(votes[winner]) * _plain(speed), float(speed), float(first + (winner + 1) * parameters.tolerance_s))
        )
    lines.sort(reverse=True)
    return [(speed, offset) for _, speed, offset in lines[:_MAX_LINES]]


def _fitted_run(pairs: _Pairs, line: tuple[float, float], parameters: AlignmentParameters) -> tuple[_Pairs, float]:
    """Return the best run along a line and its speed, the line drawn once more through what the first look found."""
    run = _run(pairs, line, parameters)
    if _distinct(run) < _MIN_FIT:
        return run, line[0]
    slope, offset = np.polyfit(run.query_s, run.reference_s, 1, w=run.similarity)
    speed = float(np.clip(slope, 1 / parameters.max_speed, parameters.max_speed))
    fitted = _run(pairs, (speed, float(offset)), parameters)
    if _evidence(fitted, speed, parameters.floor) > _evidence(run, line[0], parameters.floor):
        return fitted, speed
    return run, line[0]


def _run(pairs: _Pairs, line: tuple[float, float], parameters: AlignmentParameters) -> _Pairs:
    """Return the unbroken run with most evidence among the pairs near a line, the best pair of each query time."""
    speed, offset = line
    distance = np.abs(pairs.reference_s - speed * pairs.query_s - offset)
    near = pairs.take(np.flatnonzero(distance <= parameters.tolerance_s * (1 + 1e-9)))
    if not len(near.row):
        return near
    near = near.take(np.lexsort((-near.similarity, near.row)))
    near = near.take(np.unique(near.row, return_index=True)[1])
    return near.take(_densest(near.similarity - parameters.floor, _gaps(near)))


def _gaps(line: _Pairs) -> npt.NDArray[np.intp]:
    """Count the times without agreement before each pair, on the side that has fewer."""
    skipped: npt.NDArray[np.intp] = np.minimum(np.diff(line.row), np.abs(np.diff(line.column))) - 1
    gaps: npt.NDArray[np.intp] = np.maximum(np.concatenate([[0], skipped]), 0)
    return gaps


def _densest(gain: Similarity, gaps: npt.NDArray[np.intp]) -> slice:
    """Return the stretch with the largest sum of gains less the cost of its gaps (Kadane's maximum subarray)."""
    best, best_slice = -1.0, slice(0, 1)
    total, start = 0.0, 0
    for index, (won, gap) in enumerate(zip(gain.tolist(), gaps.tolist(), strict=True)):
        total -= gap * _GAP_COST
        if total <= 0.0:
            total, start = 0.0, index
        total += won
        if total > best:
            best, best_slice = total, slice(start, index + 1)
    return best_slice


def _evidence(run: _Pairs, speed: float, floor: float) -> float:
    return _plain(speed) * float((run.similarity - floor + 0.05).sum()) * _distinct(run) / max(1, len(run.row))


def _plain(speed: float) -> float:
    return 1.0 - min(_MAX_SPEED_COST, _SPEED_COST * abs(float(np.log2(speed))))


def _distinct(run: _Pairs) -> int:
    return min(len(run.row), len(np.unique(run.column)))


def _judge(run: _Pairs, speed: float, wanted: int, parameters: AlignmentParameters) -> Alignment:
    n_pairs = _distinct(run)
    trust = np.clip((run.similarity - parameters.floor) / (parameters.sure - parameters.floor), 0.0, 1.0)
    enough = min(1.0, n_pairs * float(trust.mean()) / wanted)
    density = len(run.row) / (len(run.row) + int(_gaps(run).sum()))
    score = float(run.similarity.mean()) * enough * density**0.5
    return Alignment(
        score=min(1.0, max(0.0, score)),
        query=(float(run.query_s.min()), float(run.query_s.max())),
        reference=(float(run.reference_s.min()), float(run.reference_s.max())),
        speed=speed,
        n_pairs=n_pairs,
    )
