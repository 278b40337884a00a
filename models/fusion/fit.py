"""Fit of the causes' weights to labelled pairs of a post and a case; deterministic.

Maximum a posteriori estimate of a noisy-or: labels name no cause, only that there is one, so all causes are fitted at
once to the likelihood of the labels. The prior is the hand-set curve of each cause, which prevails where data are few.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.fusion.basis import CAUSES, Rows, ramps
from models.fusion.weights import Weights, parameter_gradient, prior, weights
from models.metrics import Labels

_PRIOR_VARIANCE = 4.0
"""Of the logarithms of the shares: one standard deviation makes a ramp e**2 times as steep."""
_STEPS, _RATE = 800, 0.05
_ROUNDS = 2
_ENOUGH = 20
"""Copies, and as many other pairs, that a cause needs before it is fitted."""
_NEVER = ("voice",)
"""Causes always set by hand: no set of ours holds enough speakers."""


class Sample(NamedTuple):
    """Features of one candidate of one cause, for one pair."""

    pair: int
    """Index into the labels."""
    cause: str
    score: float
    seconds: float
    terms: int


class _Block(NamedTuple):
    """Samples of one cause."""

    values: Rows
    """Ramp values, shape (n, ramps)."""
    pair: npt.NDArray[np.intp]

    def logits(self, found: Weights, cause: int) -> Rows:
        logits: Rows = self.values @ found.ramps[cause] + found.biases[cause]
        return logits


def fit(samples: Sequence[Sample], labels: Labels) -> Weights:
    """Return the weights of highest posterior probability given the labels.

    Parameters
    ----------
    samples
        Of several with one pair and cause, only the strongest counts.
    labels
        Whether each pair is a copy, shape (pairs,).
    """
    start, blocks = prior(), _blocks(samples)
    free = np.array([[cause in fitted_causes(samples, labels)] for cause in CAUSES], np.float64)
    at = start
    for _ in range(_ROUNDS):  # the strongest sample depends on the weights
        at = _ascend(_strongest(blocks, weights(at)), labels, start, at, free)
    return weights(at)


def fitted_causes(samples: Sequence[Sample], labels: Labels) -> list[str]:
    """Return the causes with enough samples to fit; the others stay as set by hand."""
    found = []
    for cause, block in zip(CAUSES, _blocks(samples), strict=True):
        copies = labels[np.unique(block.pair)]
        if cause not in _NEVER and min(int(copies.sum()), int((~copies).sum())) >= _ENOUGH:
            found.append(cause)
    return found


def strengths(samples: Sequence[Sample], found: Weights, n_pairs: int) -> Rows:
    """Return the strength of each cause for each pair, shape (pairs, causes).

    The strength is minus the logarithm of the probability that the cause made no copy. The sum of a row is minus the
    logarithm of the probability that the pair is no copy.
    """
    strongest = np.zeros((n_pairs, len(CAUSES)))
    for cause, block in enumerate(_blocks(samples)):
        np.maximum.at(strongest[:, cause], block.pair, np.logaddexp(0.0, block.logits(found, cause)))
    return strongest


def _blocks(samples: Sequence[Sample]) -> list[_Block]:
    blocks = []
    for cause in CAUSES:
        own = [sample for sample in samples if sample.cause == cause]
        features = np.array([sample[2:] for sample in own], np.float64).reshape(-1, 3)
        blocks.append(_Block(ramps(features), np.array([sample.pair for sample in own], np.intp)))
    return blocks


def _strongest(blocks: Sequence[_Block], found: Weights) -> list[_Block]:
    """Keep the strongest sample of each pair."""
    kept = []
    for cause, block in enumerate(blocks):
        order = np.lexsort((-block.logits(found, cause), block.pair))
        first = order[np.unique(block.pair[order], return_index=True)[1]]
        kept.append(_Block(block.values[first], block.pair[first]))
    return kept


def _ascend(blocks: Sequence[_Block], labels: Labels, start: Rows, at: Rows, free: Rows) -> Rows:
    """Return the parameters of highest posterior probability: Adam (Kingma & Ba 2015), all samples at each step."""
    at = at.copy()
    first, second = np.zeros_like(at), np.zeros_like(at)
    for step in range(1, _STEPS + 1):
        gradient = free * (_gradient(blocks, labels, at) + (at - start) / _PRIOR_VARIANCE)
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        rate = _RATE * min(1.0, 3.0 * (1.0 - step / (_STEPS + 1)))
        at -= rate * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-9)
    return at


def _gradient(blocks: Sequence[_Block], labels: Labels, at: Rows) -> Rows:
    """Return the gradient of the loss: minus the logarithm of the labels' likelihood."""
    found = weights(at)
    logits = [block.logits(found, cause) for cause, block in enumerate(blocks)]
    total = np.zeros(len(labels))
    for block, own in zip(blocks, logits, strict=True):
        total += np.bincount(block.pair, weights=np.logaddexp(0.0, own), minlength=len(labels))
    outer = np.where(labels, -1.0 / np.expm1(np.maximum(total, 1e-12)), 1.0)
    slopes = [outer[block.pair] / (1.0 + np.exp(-own)) for block, own in zip(blocks, logits, strict=True)]
    by_ramp = np.array([slope @ block.values for slope, block in zip(slopes, blocks, strict=True)])
    return parameter_gradient(by_ramp, np.array([slope.sum() for slope in slopes]), at)
