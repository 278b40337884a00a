"""Codes of one space's archived rows, shared by the slices that were coded with them.

What is decoded has the same code again: so slices are merged into lists of their own without their exact rows.
"""

from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from streams.match.normalisation import Rows
from streams.match.product_codes import ProductCodes, of_length_one, trained

_DIMENSIONS = 192
"""Dimensions of the codes: with 128, unrelated pictures resemble each other enough to be read by the thousand."""
_FEWEST, _MOST = 256, 65_536
"""Rows that the training uses."""
_SAMPLE = 2_048
"""Rows by which it is judged whether codes suit others."""
_ENOUGH = 0.85
"""Share of the cosine of rows with their codes, at the training, from which codes suit other rows."""


class CodeArrays(NamedTuple):
    """Codes as arrays, for a file.

    Attributes
    ----------
    projection
        float16 (d, w).
    centroids
        float32 (w / 2, 16, 2).
    scale
        float32 (1,).
    fit
        float32 (1,): mean product of the rows of the training, in all dimensions, with their codes.
    """

    projection: npt.NDArray[np.float16]
    centroids: Rows
    scale: Rows
    fit: Rows


class ArchiveCodes(ProductCodes):
    """Codes from a file, which may suit other rows than those of their training."""

    def __init__(self, arrays: CodeArrays) -> None:
        super().__init__(arrays.projection.astype(np.float32), arrays.centroids, float(arrays.scale[0]))
        self.arrays = arrays

    @classmethod
    def train(cls, rows: Rows) -> Self:
        """Return codes trained on rows, shape (n, d), of length 1; takes seconds."""
        some = _drawn(rows, _MOST)
        codes = trained(some, _DIMENSIONS)
        numbers = (np.array([number], np.float32) for number in (codes.scale, _fit(codes, some)))
        return cls(CodeArrays(codes.projection.astype(np.float16), codes.centroids, *numbers))

    def suit(self, rows: Rows) -> bool:
        """Return whether rows are as near to their codes as those of the training were, or nearly."""
        return _fit(self, rows) >= _ENOUGH * float(self.arrays.fit[0])


def _fit(codes: ProductCodes, rows: Rows) -> float:
    """Return the mean product of rows, in all dimensions, with their codes."""
    inside = _drawn(rows, _SAMPLE) @ codes.projection
    return float((codes.again(of_length_one(inside)) * inside).sum(axis=1).mean())


def _drawn(rows: Rows, most: int) -> Rows:
    """Return at most so many rows, drawn at random, and some of few twice."""
    drawn: Rows = rows[np.random.default_rng(0).permutation(max(len(rows), _FEWEST))[:most] % len(rows)]
    return drawn
