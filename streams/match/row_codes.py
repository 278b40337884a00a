"""Codes of vectors for the search among many: 32 bytes a row, trained on a sample of one space's rows.

A row is projected to at most 128 dimensions, those in which the sample differs most, and its product-quantised code is
kept in the list of the centroid that it is nearest to. With more dimensions unrelated rows resemble each other less.
"""

from typing import Any, Self

import faiss
import numpy as np
import numpy.typing as npt

from streams.match.normalisation import Rows

type Numbers = npt.NDArray[np.int64]
type Coded = Any
"""A faiss.IndexIVFPQFastScan: the package's types lack its clones and its wrappers' arguments."""

_DIMENSIONS = 128
_SEED = 1
_CODE_BITS, _CODE_COLUMNS = 4, 2
"""Bits of the code of so many dimensions."""
_MAX_LISTS, _SAMPLES = 4_096, 16
"""Most lists, and rows that place one list's centroid."""
_ROUNDS = 5
"""Rounds of k-means."""
SAMPLE = _MAX_LISTS * _SAMPLES
"""Most rows that the training uses."""


class Codes:
    """Projection, centroids and quantiser; immutable once trained."""

    def __init__(self, projection: Rows, index: Coded, scale: float) -> None:
        self._projection = projection
        self._empty = index
        self._scale = np.float32(scale)

    @classmethod
    def train(cls, sample: Rows, n_rows: int) -> Self:
        """Return codes for about `n_rows` rows; takes seconds.

        Parameters
        ----------
        sample
            Rows of this space, drawn at random, shape (m, d).
        """
        faiss.omp_set_num_threads(1)  # of this thread: searches run in many threads already
        projection = principal(sample, _DIMENSIONS)
        rows = of_length_one(sample @ projection)
        width = rows.shape[1]
        lists = faiss.Kmeans(
            width, _n_lists(n_rows, len(rows)), niter=_ROUNDS, spherical=True, seed=_SEED, min_points_per_centroid=1
        )
        lists.train(rows)
        quantiser = faiss.IndexFlatIP(width)
        quantiser.add(lists.centroids)
        index: Coded = faiss.IndexIVFPQFastScan(
            quantiser, width, quantiser.ntotal, width // _CODE_COLUMNS, _CODE_BITS, faiss.METRIC_INNER_PRODUCT
        )
        index.by_residual = False
        index.pq.cp.min_points_per_centroid = 1
        index.train(rows)
        coded = index.pq.decode(index.pq.compute_codes(rows))
        return cls(projection, index, 1.0 / max(1e-3, float((coded * rows).sum(axis=1).mean())))

    @property
    def n_lists(self) -> int:
        """Number of lists."""
        return int(self._empty.nlist)

    def projected(self, rows: Rows) -> Rows:
        """Return rows in the dimensions of the codes, of length 1."""
        return of_length_one(rows @ self._projection)

    def nearest_lists(self, projected: Rows, n_lists: int) -> Numbers:
        """Return the lists nearest to each row, shape (n, n lists): the same in all indexes of these codes."""
        found: Numbers = self._empty.quantizer.search(projected, n_lists)[1]
        return found

    def empty(self) -> Coded:
        """Return an index without rows."""
        return faiss.clone_index(self._empty)

    def product(self, cosine: float) -> float:
        """Return the engine's product of an estimated cosine."""
        return cosine / float(self._scale)

    def cosine(self, products: Rows) -> Rows:
        """Return the estimated cosines of the engine's products with codes, which are shorter than rows."""
        estimated: Rows = products * self._scale
        return estimated


def searched(index: Coded, projected: Rows, lists: Numbers, n_hits: int) -> tuple[Rows, Numbers]:
    """Return products and keys, shape (n, n_hits), of what is most similar to each row in its lists; -1 is no key.

    The package's own function for given lists takes their number from the index, which other threads search too.
    """
    n_rows, n_lists = lists.shape
    parameters: Any = faiss.SearchParametersIVF  # the package's types lack its keywords
    parameters = parameters(nprobe=n_lists)
    products, keys = np.empty((n_rows, n_hits), np.float32), np.empty((n_rows, n_hits), np.int64)
    unused = np.zeros((n_rows, n_lists), np.float32)  # codes are not of residuals
    given = [faiss.swig_ptr(array) for array in (lists, unused, products, keys)]
    index.search_preassigned_c(n_rows, faiss.swig_ptr(projected), n_hits, *given, False, parameters)  # noqa: FBT003
    return products, keys


def _n_lists(n_rows: int, n_sampled: int) -> int:
    """Return the number of lists: about the root of the number of rows, 1 while so few that all are compared."""
    wanted = 2 ** round(np.log2(max(1.0, n_rows / 64) ** 0.5) + 1)
    return int(max(1, min(wanted, _MAX_LISTS, n_sampled // _SAMPLES)))


def principal(sample: Rows, dimensions: int) -> Rows:
    """Return the projection, shape (d, at most `dimensions`): the principal directions about the origin."""
    width = min(dimensions, sample.shape[1] // _CODE_COLUMNS * _CODE_COLUMNS)
    if width == sample.shape[1]:
        return np.eye(width, dtype=np.float32)
    _, directions = np.linalg.eigh(sample.T @ sample)
    return np.ascontiguousarray(directions[:, ::-1][:, :width], np.float32)


def of_length_one(rows: Rows) -> Rows:
    """Return rows of length 1; a row of zeros stays one."""
    lengths = np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.float32(1e-9))
    return np.ascontiguousarray(rows / lengths, np.float32)
