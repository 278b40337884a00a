"""Codes of references' rows, 32 bytes a row, in lists that are the same in all indexes of one training."""

from typing import Any, Self

import faiss
import numpy as np

from streams.match.normalisation import Rows
from streams.match.product_codes import Lists, Numbers, ProductCodes, centroids_of, trained

_DIMENSIONS = 128
_MAX_LISTS, _SAMPLES = 4_096, 16
"""Most lists, and rows that place one list's centroid."""
SAMPLE = _MAX_LISTS * _SAMPLES
"""Most rows that the training uses."""


class Codes:
    """Codes and the centroids of their lists; immutable once trained."""

    def __init__(self, codes: ProductCodes, centroids: Rows) -> None:
        self._codes = codes
        self._empty = codes.lists(centroids)
        self.projected, self.cosine = codes.projected, codes.cosine

    @classmethod
    def train(cls, sample: Rows, n_rows: int) -> Self:
        """Return codes for about `n_rows` rows; takes seconds.

        Parameters
        ----------
        sample
            Rows of this space, drawn at random, shape (m, d).
        """
        codes = trained(sample, _DIMENSIONS)
        return cls(codes, centroids_of(codes.projected(sample), _n_lists(n_rows, len(sample))))

    @property
    def n_lists(self) -> int:
        """Number of lists."""
        return int(self._empty.nlist)

    def nearest_lists(self, projected: Rows, n_lists: int) -> Numbers:
        """Return the lists nearest to each row, shape (n, n lists): the same in all indexes of these codes."""
        found: Numbers = self._empty.quantizer.search(projected, n_lists)[1]
        return found

    def empty(self) -> Lists:
        """Return an index without rows."""
        return faiss.clone_index(self._empty)


def searched(index: Lists, projected: Rows, lists: Numbers, n_hits: int) -> tuple[Rows, Numbers]:
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
