"""Product-quantised codes of one space's rows: a quarter of a byte a dimension.

A row is projected to the dimensions in which the sample differs most. With more of them unrelated rows resemble each
other less. Rows are in lists of those that are nearest to one centroid; a code does not depend on the list.
"""

from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from streams.match.normalisation import Rows

type Numbers = npt.NDArray[np.int64]
type Lists = Any
"""A faiss.IndexIVFPQFastScan: the package's types lack its clones and its wrappers' arguments."""

_CODE_BITS, _CODE_COLUMNS = 4, 2
"""Bits of the code of so many dimensions."""
_ROUNDS, _SEED = 5, 1
"""Of k-means."""


class ProductCodes:
    """Projection and product quantiser; immutable.

    Parameters
    ----------
    projection
        float32 (d, w).
    centroids
        float32 (w / 2, 16, 2): what each code of two dimensions stands for.
    scale
        Cosine of a row for a product with its code, which is shorter.
    """

    def __init__(self, projection: Rows, centroids: Rows, scale: float) -> None:
        faiss.omp_set_num_threads(1)  # of this thread: searches run in many threads already
        self.projection, self.centroids, self.scale = projection, centroids, np.float32(scale)
        self._quantiser = _quantiser(self.width)
        faiss.copy_array_to_vector(centroids.ravel(), self._quantiser.centroids)

    @property
    def width(self) -> int:
        """Dimensions of the codes."""
        return int(self.projection.shape[1])

    def projected(self, rows: Rows) -> Rows:
        """Return rows in the dimensions of the codes, of length 1."""
        return of_length_one(rows @ self.projection)

    def again(self, projected: Rows) -> Rows:
        """Return what the codes of projected rows stand for."""
        decoded: Rows = self._quantiser.decode(self._quantiser.compute_codes(projected))
        return decoded

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
        return cosine / float(self.scale)

    def cosine(self, products: Rows) -> Rows:
        """Return the estimated cosines of products with codes."""
        estimated: Rows = products * self.scale
        return estimated


def trained(sample: Rows, dimensions: int) -> ProductCodes:
    """Return codes of at most so many dimensions; takes seconds.

    Parameters
    ----------
    sample
        Rows of length 1, drawn at random, shape (n, d), 16 at least.
    """
    faiss.omp_set_num_threads(1)  # likewise
    projection = _principal(sample, dimensions)
    projected = of_length_one(sample @ projection)
    quantiser = _quantiser(projected.shape[1])
    quantiser.train(projected)
    shape = quantiser.M, quantiser.ksub, quantiser.dsub
    centroids = faiss.vector_to_array(quantiser.centroids).reshape(shape).copy()
    mean = float((ProductCodes(projection, centroids, 1.0).again(projected) * projected).sum(axis=1).mean())
    return ProductCodes(projection, centroids, 1.0 / max(1e-3, mean))


def centroids_of(rows: Rows, n_lists: int) -> Rows:
    """Return the centroids of so many lists, shape (n lists, w), for rows of length 1, as many at least."""
    found = faiss.Kmeans(rows.shape[1], n_lists, niter=_ROUNDS, spherical=True, seed=_SEED, min_points_per_centroid=1)
    found.train(rows)
    centroids: Rows | None = found.centroids
    assert centroids is not None
    return centroids


def of_length_one(rows: Rows) -> Rows:
    """Return rows of length 1; a row of zeros stays one."""
    lengths = np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.float32(1e-9))
    return np.ascontiguousarray(rows / lengths, np.float32)


def _quantiser(width: int) -> Any:  # noqa: ANN401 - the package has no types
    made = faiss.ProductQuantizer(width, width // _CODE_COLUMNS, _CODE_BITS)
    made.cp.min_points_per_centroid = 1
    return made


def _principal(sample: Rows, dimensions: int) -> Rows:
    """Return the principal directions about the origin, shape (d, at most `dimensions`), as float16 keeps them."""
    width = min(dimensions, sample.shape[1] // _CODE_COLUMNS * _CODE_COLUMNS)
    if width == sample.shape[1]:
        return np.eye(width, dtype=np.float32)
    _, directions = np.linalg.eigh(sample.T @ sample)
    return np.ascontiguousarray(directions[:, ::-1][:, :width].astype(np.float16), np.float32)
