"""Weights of the causes: those of the graph, the free parameters behind them, and the hand-set prior."""

from typing import NamedTuple

import numpy as np

from models.fusion.basis import CAUSES, CEILINGS, RAMPS, SCORE_KNOTS, Rows

_N_SCORE = len(SCORE_KNOTS) - 1
_LEAST_RISE = 0.02
"""Of the logit over each ramp of the score, so that a higher score always ranks higher, even without data."""
_LEAST_BIAS = 7.0
"""Minus the largest logit at score 0: a copy is then less likely than one in a thousand."""


class Weights(NamedTuple):
    """Weights of the graph."""

    ramps: Rows
    """Shape (causes, ramps), none below zero."""
    biases: Rows
    """Logit of each cause without evidence, shape (causes,)."""

    def lowered(self, by: Rows) -> "Weights":
        """Return the weights with the logit of each cause lowered by so much, shape (causes,)."""
        return self._replace(biases=self.biases - by)


class Prior(NamedTuple):
    """Hand-set curve: logit = slope (score - middle), at most `most`, plus what length and terms may add."""

    middle: float
    slope: float
    most: float
    longer: float = 0.0
    term: float = 0.0


_PRIORS = {
    "visual": Prior(middle=0.5, slope=20.0, most=9.0, longer=1.5),
    "audio": Prior(middle=0.5, slope=20.0, most=1.8, longer=0.3),
    "text": Prior(middle=0.75, slope=20.0, most=1.0, term=0.3),
    "voice": Prior(middle=0.8, slope=20.0, most=0.8),
    "agreement": Prior(middle=0.42, slope=20.0, most=8.0, longer=2.0),
}


def prior() -> Rows:
    """Return the parameters of the curves set by hand, shape (causes, 1 + ramps + 1).

    The first parameter of a cause determines its bias; the others are logarithms of the share of each ramp in its rise.
    The last share belongs to no ramp.
    """
    return np.array([_parameters(_PRIORS[cause], CEILINGS[cause]) for cause in CAUSES])


def _parameters(curve: Prior, ceiling: float) -> Rows:
    bias = max(curve.slope * -curve.middle, -10.0)
    by_score = np.clip(curve.slope * (np.array(SCORE_KNOTS) - curve.middle), bias, curve.most)
    n_seconds = sum(ramp.scaled for ramp in RAMPS)
    longer = np.full(n_seconds, curve.longer / n_seconds)
    terms = curve.term * np.array([0.8, 0.15, 0.05])
    rises = np.maximum(np.concatenate([np.diff(by_score), longer, terms]), 1e-3)
    rest = max(_logit(ceiling) - bias - float(rises.sum()), 0.05)
    shares: Rows = np.log(np.concatenate([rises, [rest]]))
    return np.concatenate([[np.log(np.expm1(-bias - _LEAST_BIAS))], shares - shares.mean()])


def weights(parameters: Rows) -> Weights:
    """Return bias and rises of each cause; their sum stays below its ceiling for all parameters."""
    biases = -_LEAST_BIAS - np.logaddexp(0.0, parameters[:, 0])
    rise = np.array([_logit(CEILINGS[cause]) for cause in CAUSES]) - biases - _LEAST_RISE * _N_SCORE
    least = np.where(np.arange(len(RAMPS)) < _N_SCORE, _LEAST_RISE, 0.0)
    return Weights(least + rise[:, None] * _shares(parameters)[:, :-1], biases)


def parameter_gradient(by_ramp: Rows, by_bias: Rows, parameters: Rows) -> Rows:
    """Return the gradient in the parameters (chain rule) from that in the weights: (causes, ramps) and (causes,)."""
    shares = _shares(parameters)
    rise = (weights(parameters).ramps[:, :1] - _LEAST_RISE) / shares[:, :1]
    inner = np.concatenate([by_ramp, np.zeros((len(CAUSES), 1))], axis=1)
    mean = (shares * inner).sum(axis=1, keepdims=True)
    lowering = -1.0 / (1.0 + np.exp(-parameters[:, :1]))
    bias = lowering * (by_bias[:, None] - mean)  # a lower bias leaves more to rise
    return np.concatenate([bias, rise * shares * (inner - mean)], axis=1)


def _shares(parameters: Rows) -> Rows:
    raised = np.exp(parameters[:, 1:] - parameters[:, 1:].max(axis=1, keepdims=True))
    shares: Rows = raised / raised.sum(axis=1, keepdims=True)
    return shares


def _logit(probability: float) -> float:
    return float(np.log(probability) - np.log1p(-probability))
