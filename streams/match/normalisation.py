"""Each similarity judged against what else its query row resembles: benign videos and the references of other cases.

All per query row, which is one view of one frame, so a part of a picture that shows something benign says nothing of
its other parts. After the score normalisation of Pizzi et al. 2024, "The 2023 Video Similarity Dataset and Challenge",
which takes off the mean of the row's largest similarities to a background set.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.float32]
"""Vectors, shape (n, d), or similarities, shape (n rows of a query, n of something else)."""
Level = npt.NDArray[np.float32]
"""A similarity for each query row, shape (n,)."""

SAME = 0.7
"""Cosine from which a query row that resembles a benign row more than a reference shows the benign video."""
_HELD = 0.88
"""Cosine from which a reference's row is a benign row; two scenes before one camera come up to 0.8."""
TWIN = 0.95
"""Cosine from which rows of two cases are one picture, registered twice: neither is the other's rival."""
NEVER = np.float32(-1.0)
_NEAREST = 10
"""Benign rows whose mean similarity is a query row's level; a guess, as the next."""
_USUAL = 0.15
"""Level of a row that resembles nothing in particular; only what is above it is taken off."""
_MARGIN_FROM = np.float32(0.15)
"""Above the rival floor, where the margin is asked in full."""


@dataclass(frozen=True)
class Normalisation:
    """How much is taken off; measured by ops/bench/score_normalisation.py, figures in models/visual/card.md.

    Rivals pay once those that look alike are registered too. The share is a guess that has shown no worth beside them
    yet: a background of thousands was not tried.
    """

    rivalry: float = 4.0
    """Times the excess of another case's reference: scenes of one room or film are its own, not the other's."""
    margin: float = 0.08
    """How much less than this one another case's reference must resemble a row that is to count in full."""
    share: float = 0.5
    """Of a row's level in benign videos above the usual."""


@dataclass(frozen=True)
class Likeness:
    """What the rows of one query resemble apart from wanted references."""

    benign: Level
    """Largest similarity to a benign row; -1 without any."""
    common: Level
    """What the row has in common with benign videos at large, as it is taken off."""
    rule: Normalisation

    def normalised(self, similarity: Rows, rival: Rows | Level, rival_floor: float) -> Rows:
        """Return similarities less what says nothing; monotone in each, so the largest stays the largest.

        Parameters
        ----------
        similarity
            Shape (n rows of the query, n of a reference), or their maxima for several references.
        rival
            Largest similarity to a reference of another case, shape (n,) or as `similarity`: what that one resembles
            better, or nearly as well, is no mark of this one, and the excess is taken off.
        rival_floor
            Largest similarity to another case's reference that may be chance.
        """
        rivals = rival[:, None] if rival.ndim == 1 else rival
        floor = np.float32(rival_floor)
        margin = np.float32(self.rule.margin) * np.clip(
            (rivals - floor) / _MARGIN_FROM, np.float32(0.0), np.float32(1.0)
        )
        excess = np.maximum(rivals + margin - np.maximum(similarity, floor), np.float32(0.0))
        left = similarity - self.common[:, None] - np.float32(self.rule.rivalry) * excess
        benign = (self.benign[:, None] >= SAME) & (self.benign[:, None] >= similarity)
        normalised: Rows = np.where(benign, NEVER, left)
        return normalised


class Background:
    """The benign rows of one space, as one matrix product; none of them is a background that changes nothing."""

    def __init__(self, vectors: Rows, rule: Normalisation) -> None:
        self._vectors = vectors
        self._rule = rule

    def likeness(self, rows: Rows) -> Likeness:
        """Return what these query rows resemble."""
        nothing = np.full(len(rows), NEVER, np.float32)
        if not len(self._vectors) or not len(rows):
            return Likeness(nothing, np.zeros(len(rows), np.float32), self._rule)
        similarity = rows @ self._vectors.T
        # Those that show the same say so themselves; they are no measure of what is common.
        others = np.where(similarity >= SAME, np.float32(_USUAL), similarity)
        n = min(_NEAREST, others.shape[1])
        nearest = np.maximum(np.partition(others, -n, axis=1)[:, -n:], np.float32(_USUAL))
        common = np.float32(self._rule.share * n / _NEAREST) * (nearest.mean(axis=1) - np.float32(_USUAL))
        return Likeness(similarity.max(axis=1), common.astype(np.float32), self._rule)

    def holds(self, rows: Rows) -> npt.NDArray[np.bool_]:
        """Tell which rows of a reference a benign row equals: a shared intro, a logo, a test card."""
        if not len(self._vectors) or not len(rows):
            return np.zeros(len(rows), np.bool_)
        held: npt.NDArray[np.bool_] = (rows @ self._vectors.T).max(axis=1) >= _HELD
        return held


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
    of_case = np.empty(int(owners.max()) + 1, np.intp)
    of_case[owners[order][first]] = np.arange(len(first))
    found: Rows = np.where(of_case[owners][None, :] == best[:, None], second[:, None], leader[:, None])
    return found
