"""Likeness of sounds relative to what is usual between them.

A window of rain resembles every window of every rain, and one of speech resembles only itself. What identifies a
recording of rain is how much more one window resembles its own place than the rest; so each cosine is taken relative to
the usual one of its two windows.
"""

import numpy as np
import numpy.typing as npt

Similarity = npt.NDArray[np.float32]

_LONG, _SHORT = 28, 8
"""Windows of a sound, 10 s, of which half lie off any line; and, 5 s, of which a quarter does."""
_USUAL, _ON_LINE = 0.8, 22
"""Quantile of the cosines of one window that is the usual one, and windows on and near a line, which do not count."""
_SAMPLE = 512
"""Windows of a long sound that the usual cosine is taken of, spread over it: bounds the cost for films."""
_ORDINARY = np.float32(0.1)
"""Usual cosine of sounds that change: no more than this is chance and is not subtracted."""
_LEAST_ROOM = np.float32(0.1)
"""Least distance of the usual cosine from 1: windows that hardly differ, as of a hum, are not blown up."""


def relative(similarity: Similarity) -> Similarity:
    """Return cosines relative to the usual ones of their windows: 0 at the usual one, at most 1.

    Never more than the cosine itself, so a bound on cosines bounds these too.

    Parameters
    ----------
    similarity
        Cosines, shape (n windows of a query, n of a reference).
    """
    level = np.maximum(_level(similarity), _level(similarity.T).T)
    above = similarity - level
    raised: Similarity = np.where(above > 0, above / np.maximum(1 - level, _LEAST_ROOM), above)
    return raised


def _level(similarity: Similarity) -> Similarity:
    """Return the level of each row, shape (n, 1): the excess of its usual cosine over the ordinary one."""
    n = similarity.shape[1]
    if n < _SHORT or not len(similarity):
        return np.zeros((len(similarity), 1), np.float32)
    sample = similarity[:, :: 1 + n // _SAMPLE]
    at = _usual_rank(sample.shape[1])
    usual = np.partition(sample, at, axis=1)[:, at : at + 1]
    level: Similarity = np.maximum((usual - _ORDINARY) / (1 - _ORDINARY), np.float32(0.0))
    return level


def _usual_rank(n: int) -> int:
    """Return the rank of the usual cosine among n, from the lowest, below those of a copy's line."""
    if n < _LONG:
        return n // 4
    return max(n // 2, min(int(_USUAL * n), n - _ON_LINE))
