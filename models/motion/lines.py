"""Search of a query's best passage along a reference: blocks correlated at every offset, summed along lines.

The sums are divided by the deviation of all blocks at all offsets, nearly all of which are by chance: so two recordings
that vary slowly or alike, whose chance correlation is large, need more to stand out.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

BLOCK = 8
"""Steps of the reference in one block."""
_RUNS = (4, 6, 8, 12, 20, 35, 75)
"""Lengths of passages that are tried, in blocks."""
_STILL = 0.1
"""Mean square that is added to each block's own: blocks in which little moves correlate little."""
_LEAST_DEVIATION = 0.05
_FEW = 9.0
"""Multiple of the mean square above which products are not by chance."""
_EACH = 5
"""Every so many lines are enough for a quantile."""
_SHARE, _AT_SHARE = 0.95, 1.96
"""Quantile of the sums' absolute values, and its value for a normal variable of deviation 1: a copy is on fewer lines,
motion that repeats itself on more."""


class Peak(NamedTuple):
    """Best passage at one speed."""

    z: float
    """Its correlation in deviations of chance."""
    line: float
    """Offset of the reference against the query, steps."""
    first: int
    """First step of the passage, in the query as resampled, and the step after its last."""
    last: int


def windows(normal: Array) -> Array:
    """Return each stretch of a block's length, scaled, shape (k + 1, BLOCK * columns); nothing is before and after."""
    padded = np.pad(normal, ((BLOCK, BLOCK), (0, 0)))
    view = np.lib.stride_tricks.sliding_window_view(padded, BLOCK, axis=0)
    return _scaled(view.transpose(0, 2, 1).reshape(len(view), -1))


def best_passage(query: Array, reference: Array, least: int) -> Peak | None:
    """Return the best passage of a query along the windows of a reference; None if there are too few steps.

    Parameters
    ----------
    query
        Local deviations of its columns, shape (m, columns).
    reference
        As `windows` returns them.
    least
        Steps of the shortest passage.
    """
    n_blocks = -(-len(query) // BLOCK)
    if len(query) < least or len(reference) < least + BLOCK:
        return None
    padded = np.pad(query, ((0, n_blocks * BLOCK - len(query)), (0, 0)))
    product = _scaled(padded.reshape(n_blocks, -1)) @ reference.T
    product, deviation = _levelled(product)
    total = _along_lines(product)
    runs = [run for run in _RUNS if -(-least // BLOCK) <= run < n_blocks] + [n_blocks]
    z, run, block, column = max(_peak(total, run, deviation) for run in runs)
    sums = total[block + run] - total[block]
    line = column + _vertex(sums, column) - BLOCK * n_blocks
    return Peak(z, line, block * BLOCK, min(len(query), (block + run) * BLOCK))


def _levelled(product: Array) -> tuple[Array, float]:
    """Return the products with the blocks of much motion scaled down to the deviation of all, and that deviation.

    The squares are limited, so that the few of a copy do not count as chance.
    """
    square = product * product
    level = float(np.minimum(square, _FEW * square.mean()).mean()) + 1e-9
    limited = np.minimum(square, _FEW * level)
    rows, columns = limited.mean(axis=1) / level, limited.mean(axis=0) / level
    scale = np.sqrt(np.maximum(1.0, rows))[:, None] * np.sqrt(np.maximum(1.0, columns))
    levelled: Array = product / scale.astype(np.float32)
    deviation = float(np.sqrt(np.minimum(levelled * levelled, _FEW * level).mean()))
    return levelled, max(deviation, _LEAST_DEVIATION)


def _peak(total: Array, run: int, deviation: float) -> tuple[float, int, int, int]:
    sums = total[run:] - total[:-run]
    block, column = divmod(int(sums.argmax()), sums.shape[1])
    usual = float(np.quantile(np.abs(sums[:, ::_EACH]), _SHARE)) / _AT_SHARE  # larger if motion is periodic
    return float(sums[block, column]) / max(deviation * run**0.5, usual), run, block, column


def _scaled(blocks: Array) -> Array:
    energy = np.einsum("ij,ij->i", blocks, blocks)[:, None]
    scaled: Array = blocks / np.sqrt(energy + np.float32(_STILL * blocks.shape[1]))
    return scaled


def _along_lines(product: Array) -> Array:
    """Return the sums of the blocks before each, shape (n + 1, lines); block b lies BLOCK * b before the reference."""
    n_blocks, n_at = product.shape
    width = n_at + BLOCK * (n_blocks - 1)
    sheared = np.zeros((n_blocks, width + BLOCK), np.float32)
    sheared[:, :n_at] = product[::-1]
    lines = sheared.ravel()[: n_blocks * width].reshape(n_blocks, width)[::-1]
    total = np.zeros((n_blocks + 1, width), np.float32)
    for block in range(n_blocks):  # four times as fast as np.cumsum down the columns
        np.add(total[block], lines[block], out=total[block + 1])
    return total


def _vertex(sums: Array, at: int) -> float:
    """Return the vertex of the parabola through a maximum and its neighbours, relative to it."""
    if not 0 < at < len(sums) - 1:
        return 0.0
    left, middle, right = sums[at - 1 : at + 2].tolist()
    bend = left - 2 * middle + right
    return float(np.clip(0.5 * (left - right) / bend, -0.5, 0.5)) if bend < 0 else 0.0
