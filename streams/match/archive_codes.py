"""Codes of one space's archived rows, a quarter of a byte a dimension, shared by the slices that were coded with them.

A code does not depend on the list that its row is in, and what is decoded has the same code again: so slices are merged
into lists of their own without their exact rows.
"""

from typing import Any, NamedTuple, Self

import faiss
import numpy as np
import numpy.typing as npt

from streams.match.normalisation import Rows
from streams.match.row_codes import of_length_one, principal

type Lists = Any
"""A faiss.IndexIVFPQFastScan: the package's types lack its wrappers' arguments."""

_DIMENSIONS = 192
"""Dimensions of the codes: with 128, unrelated pictures resemble each other enough to be read by the thousand."""
_CODE_BITS, _CODE_COLUMNS = 4, 2
"""Bits of the code of so many dimensions."""
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
        float32 (w / 2, 16, 2): what each code of two dimensions stands for.
    scale
        float32 (1,): cosine of a row for a product with its code, which is shorter.
    fit
        float32 (1,): mean product of the rows of the training, in all dimensions, with their codes.
    """

    projection: npt.NDArray[np.float16]
    centroids: Rows
    scale: Rows
    fit: Rows


class ArchiveCodes:
    """Projection and product quantiser; immutable."""

    def __init__(self, arrays: CodeArrays) -> None:
        faiss.omp_set_num_threads(1)  # of this thread: searches run in many threads already
        self.arrays = arrays
        self._projection = arrays.projection.astype(np.float32)
        self._quantiser = _quantiser(self._projection.shape[1])
        faiss.copy_array_to_vector(arrays.centroids.ravel(), self._quantiser.centroids)

    @classmethod
    def train(cls, rows: Rows) -> Self:
        """Return codes trained on rows, shape (n, d), of length 1; takes seconds."""
        faiss.omp_set_num_threads(1)  # likewise
        some = _drawn(rows, _MOST)
        projection = principal(some, _DIMENSIONS).astype(np.float16)
        projected = of_length_one(some @ projection.astype(np.float32))
        quantiser = _quantiser(projected.shape[1])
        quantiser.train(projected)
        shape = quantiser.M, quantiser.ksub, quantiser.dsub
        centroids = faiss.vector_to_array(quantiser.centroids).reshape(shape).copy()
        made = cls(CodeArrays(projection, centroids, np.ones(1, np.float32), np.ones(1, np.float32)))
        mean = float((made._again(projected) * projected).sum(axis=1).mean())
        scale, fit = (np.array([one], np.float32) for one in (1.0 / max(1e-3, mean), made._fit(some)))
        return cls(made.arrays._replace(scale=scale, fit=fit))

    @property
    def width(self) -> int:
        """Dimensions of the codes."""
        return int(self._projection.shape[1])

    def suit(self, rows: Rows) -> bool:
        """Return whether rows are as near to their codes as those of the training were, or nearly."""
        return self._fit(rows) >= _ENOUGH * float(self.arrays.fit[0])

    def projected(self, rows: Rows) -> Rows:
        """Return rows in the dimensions of the codes, of length 1."""
        return of_length_one(rows @ self._projection)

    def lists(self, centroids: Rows) -> Lists:
        """Return lists without rows, of these centroids, shape (n lists, w)."""
        faiss.omp_set_num_threads(1)  # likewise
        nearest = faiss.IndexFlatIP(self.width)
        nearest.add(centroids)
        made: Lists = faiss.IndexIVFPQFastScan(
            nearest, self.width, len(centroids), self.width // _CODE_COLUMNS, _CODE_BITS, faiss.METRIC_INNER_PRODUCT
        )
        made.by_residual, made.is_trained = False, True
        made.pq = self._quantiser
        return made

    def product(self, cosine: float) -> float:
        """Return the product with a code of an estimated cosine."""
        return cosine / float(self.arrays.scale[0])

    def cosine(self, products: Rows) -> Rows:
        """Return the estimated cosines of products with codes."""
        estimated: Rows = products * self.arrays.scale[0]
        return estimated

    def _again(self, projected: Rows) -> Rows:
        decoded: Rows = self._quantiser.decode(self._quantiser.compute_codes(projected))
        return decoded

    def _fit(self, rows: Rows) -> float:
        inside = _drawn(rows, _SAMPLE) @ self._projection
        return float((self._again(of_length_one(inside)) * inside).sum(axis=1).mean())


def _quantiser(width: int) -> Any:  # noqa: ANN401 - the package has no types
    made = faiss.ProductQuantizer(width, width // _CODE_COLUMNS, _CODE_BITS)
    made.cp.min_points_per_centroid = 1
    return made


def _drawn(rows: Rows, most: int) -> Rows:
    """Return at most so many rows, drawn at random, and some of few twice."""
    drawn: Rows = rows[np.random.default_rng(0).permutation(max(len(rows), _FEWEST))[:most] % len(rows)]
    return drawn
