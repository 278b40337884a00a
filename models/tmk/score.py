"""Scores of two TMK+PDQF descriptors; after ThreatExchange, tmk/cpp/algo/tmkfv.cpp."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.tmk.descriptor import COEFFICIENTS, PERIODS, Tmk

LEAST_SCORE = 0.7
"""Least level-1 and level-2 score of two copies: the source's tmk/cpp/bin/tmk_default_thresholds.h."""


class TmkScores(NamedTuple):
    """Scores of two videos."""

    level_1: float
    """Cosine of their mean features, -1 to 1."""
    level_2: float
    """Share of their content that is the same at the best shift in time, 0 to 1."""

    @property
    def near(self) -> bool:
        """Whether they are copies by the source's thresholds."""
        return min(self) >= LEAST_SCORE


def scores(one: Tmk, other: Tmk) -> TmkScores:
    """Return the scores of two descriptors."""
    mine, theirs = (each.average.astype(np.float64) for each in (one, other))  # float32 overflows with odd files
    norms = float(np.linalg.norm(mine) * np.linalg.norm(theirs))
    level_1 = float(mine @ theirs) / norms if norms > 0 else 0.0
    best = max(_best(number, one, other) for number in range(len(PERIODS)))
    return TmkScores(level_1, best / float(COEFFICIENTS[0] + 2 * COEFFICIENTS[1:].sum()))


def _best(number: int, one: Tmk, other: Tmk) -> float:
    """Return the largest likeness at any shift within a period: the real part of a product of spectra."""
    period = int(PERIODS[number])
    mine, theirs = (each.cosines[number] + 1j * each.sines[number] for each in (one, other))
    products: npt.NDArray[np.complex128] = np.einsum("jk,jk->j", mine.conj(), theirs)
    shifts = np.zeros(period, np.complex128)
    shifts[: len(products)] = products
    shifts[0] = one.cosines[number, 0] @ other.cosines[number, 0]
    return float(np.fft.fft(shifts).real.max())
