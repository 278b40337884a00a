"""The weights of the causes, fitted to labelled pairs of a post and a case: the same pairs give the same weights.

Maximum a posteriori for a noisy-or: which cause made a post a copy is not known, only that one did, so all are fitted
at once to the likelihood of the labels. The prior is the hand-set curve of each cause; where data are few it speaks.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.fusion.basis import CAUSES, Rows, ramps
from models.fusion.weights import Weights, chained, prior, weights

Labels = npt.NDArray[np.bool_]

_PRIOR_VARIANCE = 4.0
"""Of the logarithms of the shares; in words: the data may well make a ramp e**2 times as steep."""
_STEPS, _RATE = 800, 0.05
_ROUNDS = 2
_ENOUGH = 20
"""Copies and others that a cause must be seen in before it is fitted."""
_NEVER = ("voice",)
"""Set by hand whatever the data: no set of ours holds enough speakers."""


class Sample(NamedTuple):
    """One piece of one cause, of one pair."""

    pair: int
    """Index into the labels."""
    cause: str
    score: float
    seconds: float
    terms: int


class _Block(NamedTuple):
    """All samples of one cause."""

    values: Rows
    """Of each ramp, shape (n, ramps)."""
    pair: npt.NDArray[np.intp]

    def logits(self, found: Weights, cause: int) -> Rows:
        logits: Rows = self.values @ found.ramps[cause] + found.biases[cause]
        return logits


def fit(samples: Sequence[Sample], labels: Labels) -> Weights:
    """Return the weights under which these labels are likeliest.

    Parameters
    ----------
    samples
        Several of one pair and cause are told apart by the fit: the strongest counts.
    labels
        Whether each pair is a copy, shape (pairs,).
    """
    start, blocks = prior(), _blocks(samples)
    free = np.array([[cause in learned(samples, labels)] for cause in CAUSES], np.float64)
    at = start
    for _ in range(_ROUNDS):  # which piece is strongest depends on the weights
        at = _ascend(_strongest(blocks, weights(at)), labels, start, at, free)
    return weights(at)


def learned(samples: Sequence[Sample], labels: Labels) -> list[str]:
    """Return the causes of which the samples hold enough to learn from; the others stay as set by hand."""
    found = []
    for cause, block in zip(CAUSES, _blocks(samples), strict=True):
        seen = labels[np.unique(block.pair)]
        if cause not in _NEVER and min(int(seen.sum()), int((~seen).sum())) >= _ENOUGH:
            found.append(cause)
    return found


def spoken(samples: Sequence[Sample], found: Weights, n_pairs: int) -> Rows:
    """Return how strongly each cause speaks for each pair, minus the logarithm of having spared it: (pairs, causes).

    Their sum over a row is minus the logarithm of the probability that the pair is no copy.
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
    """Keep of each pair the sample that speaks loudest."""
    kept = []
    for cause, block in enumerate(blocks):
        order = np.lexsort((-block.logits(found, cause), block.pair))
        first = order[np.unique(block.pair[order], return_index=True)[1]]
        kept.append(_Block(block.values[first], block.pair[first]))
    return kept


def _ascend(blocks: Sequence[_Block], labels: Labels, start: Rows, at: Rows, free: Rows) -> Rows:
    """Return the likeliest parameters by Adam (Kingma & Ba 2015), over all samples at each step."""
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
    """Return how each parameter raises the loss, minus the logarithm of the labels' likelihood."""
    found = weights(at)
    logits = [block.logits(found, cause) for cause, block in enumerate(blocks)]
    total = np.zeros(len(labels))
    for block, own in zip(blocks, logits, strict=True):
        total += np.bincount(block.pair, weights=np.logaddexp(0.0, own), minlength=len(labels))
    outer = np.where(labels, -1.0 / np.expm1(np.maximum(total, 1e-12)), 1.0)
    slopes = [outer[block.pair] / (1.0 + np.exp(-own)) for block, own in zip(blocks, logits, strict=True)]
    by_ramp = np.array([slope @ block.values for slope, block in zip(slopes, blocks, strict=True)])
    return chained(by_ramp, np.array([slope.sum() for slope in slopes]), at)
