"""Score normalisation: each similarity less the query row's similarity to benign videos and to other cases' references.

Everything is per query row, which is one view of one frame, so a benign part of a picture does not affect its other
parts. After the score normalisation of Pizzi et al. 2024, "The 2023 Video Similarity Dataset and Challenge", which
subtracts the mean of the row's largest similarities to a background set.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.float32]
"""Vectors, shape (n, d), or similarities, shape (n rows of a query, n rows of a reference or n references)."""
Benign = tuple[Rows, frozenset[bytes]]
"""A space's benign rows and digests."""
Level = npt.NDArray[np.float32]
"""A similarity for each query row, shape (n,)."""

SAME = 0.7
"""Cosine from which a query row that resembles a benign row more than a reference shows the benign video."""
_BENIGN = 0.88
"""Cosine from which a reference's row is a benign row; two scenes before one camera reach 0.8."""
TWIN = 0.95
"""Cosine from which rows of two cases are one picture, registered twice and so not rivals."""
NEVER = np.float32(-1.0)
_NEAREST = 10
"""Benign rows whose mean similarity is a query row's level; a guess, like the next constant."""
_USUAL = 0.15
"""Level of a row without any particular resemblance; only the excess over it is subtracted."""
_MARGIN_FROM = np.float32(0.15)
"""Distance above the rival floor from which the margin applies in full."""


@dataclass(frozen=True)
class Normalisation:
    """Weights of what is subtracted; measured by ops/bench/score_normalisation.py, figures in models/visual/card.md.

    Rivals help once look-alike videos are registered too. The share is a guess without a measured benefit beside them
    so far: a background of thousands was not tried.
    """

    rivalry: float = 4.0
    """Factor of the excess of another case's reference: the scenes of one room or film belong to the nearer case."""
    margin: float = 0.08
    """Least lead over another case's reference with which a row counts in full; a cosine."""
    share: float = 0.5
    """Share of a row's level in benign videos above the usual that is subtracted."""


@dataclass(frozen=True)
class Levels:
    """Similarity of one query's rows to the background."""

    benign: Level
    """Largest similarity to a benign row; -1 without any."""
    common: Level
    """Similarity to benign videos in general, as it is subtracted."""
    rule: Normalisation

    def normalised(self, similarity: Rows, rival: Rows | Level, rival_floor: float) -> Rows:
        """Return the normalised similarities; monotone in each similarity, so the largest stays the largest.

        Parameters
        ----------
        similarity
            Shape (n rows of the query, n of a reference), or their maxima for several references.
        rival
            Largest similarity to a reference of another case, shape (n,) or as `similarity`: where it exceeds this
            reference's, or nearly does, the row is no evidence for this one, and the excess is subtracted.
        rival_floor
            Largest similarity to another case's reference that may be chance.
        """
        rivals = rival[:, None] if rival.ndim == 1 else rival
        floor = np.float32(rival_floor)
        margin = np.float32(self.rule.margin) * np.clip(
            (rivals - floor) / _MARGIN_FROM, np.float32(0.0), np.float32(1.0)
        )
        excess = np.maximum(rivals + margin - np.maximum(similarity, floor), np.float32(0.0))
        reduced = similarity - self.common[:, None] - np.float32(self.rule.rivalry) * excess
        benign = (self.benign[:, None] >= SAME) & (self.benign[:, None] >= similarity)
        normalised: Rows = np.where(benign, NEVER, reduced)
        return normalised


class Background:
    """Benign rows of one space, compared in one matrix product; without rows it changes nothing."""

    def __init__(self, vectors: Rows, rule: Normalisation) -> None:
        self._vectors = vectors
        self._rule = rule

    def levels(self, rows: Rows) -> Levels:
        """Return the similarity of these query rows to the background."""
        never = np.full(len(rows), NEVER, np.float32)
        if not len(self._vectors) or not len(rows):
            return Levels(never, np.zeros(len(rows), np.float32), self._rule)
        similarity = rows @ self._vectors.T
        # Benign rows that show the same picture are handled by `benign`; they do not measure what is common.
        others = np.where(similarity >= SAME, np.float32(_USUAL), similarity)
        n = min(_NEAREST, others.shape[1])
        nearest = np.maximum(np.partition(others, -n, axis=1)[:, -n:], np.float32(_USUAL))
        common = np.float32(self._rule.share * n / _NEAREST) * (nearest.mean(axis=1) - np.float32(_USUAL))
        return Levels(similarity.max(axis=1), common.astype(np.float32), self._rule)

    def contains(self, rows: Rows) -> npt.NDArray[np.bool_]:
        """Return which rows of a reference equal a benign row: a shared intro, a logo, a test card."""
        if not len(self._vectors) or not len(rows):
            return np.zeros(len(rows), np.bool_)
        benign: npt.NDArray[np.bool_] = (rows @ self._vectors.T).max(axis=1) >= _BENIGN
        return benign


def rivals(maxima: Rows, owners: npt.NDArray[np.intp]) -> Rows:
    """Return, for each query row and each reference, the largest similarity to a reference of another owner.

    Parameters
    ----------
    maxima
        Largest similarity of each row to each reference, shape (n rows, n references).
    owners
        Number of each reference's case, shape (n references,).
    """
    if not maxima.size:
        return maxima
    order = np.argsort(owners, kind="stable")
    first = np.flatnonzero(np.diff(owners[order], prepend=-1))
    per_case = np.maximum.reduceat(maxima[:, order], first, axis=1)
    best = per_case.argmax(axis=1)
    leader = per_case[np.arange(len(per_case)), best]
    per_case[np.arange(len(per_case)), best] = NEVER
    second = per_case.max(axis=1)
    column = np.empty(int(owners.max()) + 1, np.intp)
    column[owners[order][first]] = np.arange(len(first))
    found: Rows = np.where(column[owners][None, :] == best[:, None], second[:, None], leader[:, None])
    return found
