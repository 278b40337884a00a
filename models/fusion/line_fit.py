"""Fit of a line in log-odds to labels, and its quality on cases that the fit has not seen. Pure and deterministic."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.fusion.calibrated import LONE, LONE_AFTER, Line
from models.metrics import Labels, Numbers, expected_calibration_error, reliability_bins

LEAST_SLOPE = 0.2
"""Below it the probability hardly ranks the labels: no line makes it better, another model may."""
_FOLDS = 5
_SAMPLES = 2_000
_STEPS = 60
_CONVERGED = 1e-9
_SPREAD = np.array([0.5, 1.0])
"""Standard deviations of the prior of slope and offset, around the line that changes nothing."""
_IDENTITY = np.array([1.0, 0.0])

type Groups = npt.NDArray[np.intp]


class Scores(NamedTuple):
    """Quality of probabilities; smaller is better."""

    log_loss: float
    brier: float
    calibration_error: float
    """Expected calibration error, in ten equal bins."""


class HeldOut(NamedTuple):
    """Quality on cases that the fit had not seen."""

    before: Scores
    after: Scores
    change: tuple[float, float, float]
    """Change of the log loss, and its 95 % interval: a bootstrap of whole cases."""


def logit(probabilities: Numbers) -> Numbers:
    """Return the log-odds of probabilities, which are kept from 0 and 1."""
    kept = np.clip(probabilities, 1e-12, 1.0 - 1e-12)
    odds: Numbers = np.log(kept) - np.log1p(-kept)
    return odds


def fit_line(logits: Numbers, copies: Labels) -> Line:
    """Return the line of highest posterior probability, at most as steep and high as `LONE_AFTER` allows.

    Parameters
    ----------
    logits
        Log-odds of the model below, shape (n,).
    copies
        Whether each is a copy, shape (n,).
    """
    free = _ascend(np.column_stack([logits, np.ones_like(logits)]), copies, _IDENTITY, _SPREAD)
    line = Line(slope=max(1e-3, float(free[0])), offset=float(free[1]))
    if line.is_safe:
        return line
    # The limit binds: the best line through the point that it leaves to a lone cause.
    low, high = logit(np.array([LONE, LONE_AFTER]))
    (slope,) = _ascend((logits - low)[:, None], copies, _IDENTITY[:1], _SPREAD[:1], shift=float(high))
    slope = max(1e-3, float(slope))
    return Line(slope=slope, offset=float(high - slope * low))


def hold_out(logits: Numbers, before: Numbers, copies: Labels, cases: Groups, seed: int) -> HeldOut:
    """Return the quality of lines on cases that each was not fitted to: five folds of whole cases.

    Parameters
    ----------
    logits
        Log-odds of the model below, shape (n,).
    before
        Probabilities of the live model, shape (n,).
    cases
        Number of each label's case, from 0, shape (n,).
    """
    random, n_cases = np.random.default_rng(seed), int(cases.max()) + 1
    fold = random.permutation(n_cases)[cases] % _FOLDS
    after = np.empty_like(before)
    for held in range(_FOLDS):
        line = fit_line(logits[fold != held], copies[fold != held])
        after[fold == held] = _sigmoid(line.slope * logits[fold == held] + line.offset)
    return HeldOut(scores(before, copies), scores(after, copies), _change(before, after, copies, cases, random))


def scores(probabilities: Numbers, copies: Labels) -> Scores:
    """Return the quality of probabilities of shape (n,)."""
    brier = float(((probabilities - copies) ** 2).mean())
    error = expected_calibration_error(reliability_bins(probabilities, copies))
    return Scores(float(_losses(probabilities, copies).mean()), brier, error)


def _change(
    before: Numbers, after: Numbers, copies: Labels, cases: Groups, random: np.random.Generator
) -> tuple[float, float, float]:
    gain = _losses(after, copies) - _losses(before, copies)
    total, size = np.bincount(cases, gain), np.bincount(cases)
    drawn = random.multinomial(len(size), np.full(len(size), 1 / len(size)), _SAMPLES)
    low, high = np.quantile((drawn @ total) / (drawn @ size), [0.025, 0.975])
    return float(gain.mean()), float(low), float(high)


def _losses(probabilities: Numbers, copies: Labels) -> Numbers:
    kept = np.clip(probabilities, 1e-12, 1.0 - 1e-12)
    losses: Numbers = -np.where(copies, np.log(kept), np.log1p(-kept))
    return losses


def _ascend(inputs: Numbers, copies: Labels, centre: Numbers, spread: Numbers, shift: float = 0.0) -> Numbers:
    """Return the weights of highest posterior probability: Newton's method with halved steps, on a convex loss."""
    precision = np.diag(spread**-2)

    def loss(weights: Numbers) -> float:
        values = inputs @ weights + shift
        away = weights - centre
        return float(np.sum(np.logaddexp(0.0, values) - copies * values) + away @ precision @ away / 2)

    weights = centre.copy()
    for _ in range(_STEPS):
        found = _sigmoid(inputs @ weights + shift)
        gradient = inputs.T @ (found - copies) + precision @ (weights - centre)
        curvature = (inputs * (found * (1 - found))[:, None]).T @ inputs + precision
        step = np.linalg.solve(curvature, gradient)
        now = loss(weights)
        while loss(weights - step) > now and np.abs(step).max() > _CONVERGED:
            step = step / 2
        weights = weights - step
        if np.abs(step).max() <= _CONVERGED:
            break
    return weights


def _sigmoid(values: Numbers) -> Numbers:
    risen: Numbers = 0.5 * (1.0 + np.tanh(values / 2))
    return risen
