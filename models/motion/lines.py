"""Search of a query's best passage along a reference: blocks correlated at every offset, summed along lines.

The sums are divided by the deviation of all blocks at all offsets, nearly all of which are by chance: so two recordings
that vary slowly or alike, whose chance correlation is large, need more to stand out.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

BLOCK = 16
"""Steps of the reference in one block."""
_RUNS = (2, 3, 4, 6, 9, 14, 24, 37)
"""Lengths of passages that are tried, in blocks."""
_STILL = 0.25
"""Mean square that is added to each block's own: blocks in which little moves correlate little."""
_LEAST_DEVIATION = 0.05


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
    least
        Steps of the shortest passage.
    """
    n_blocks = -(-len(query) // BLOCK)
    if len(query) < least or len(reference) < least + BLOCK:
        return None
    padded = np.pad(query, ((0, n_blocks * BLOCK - len(query)), (0, 0)))
    product = _scaled(padded.reshape(n_blocks, -1)) @ reference.T
    deviation = max(float(np.sqrt(np.mean(product * product))), _LEAST_DEVIATION)
    total = _along_lines(product)
    runs = [run for run in _RUNS if -(-least // BLOCK) <= run < n_blocks] + [n_blocks]
    z, run, block, column = max(_peak(total, run, deviation) for run in runs)
    sums = total[block + run] - total[block]
    line = column + _vertex(sums, column) - BLOCK * n_blocks
    return Peak(z, line, block * BLOCK, min(len(query), (block + run) * BLOCK))


def _peak(total: Array, run: int, deviation: float) -> tuple[float, int, int, int]:
    sums = total[run:] - total[:-run]
    block, column = divmod(int(sums.argmax()), sums.shape[1])
    return float(sums[block, column]) / (deviation * run**0.5), run, block, column


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
