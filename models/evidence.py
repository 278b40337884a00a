"""Evidence of similarities for a copy, in nats, and the score of evidence."""

import numpy as np
import numpy.typing as npt

from models.alignment_parameters import AlignmentParameters
from models.voting import Indices, Similarity, Times


def most_evidence(row_maxima: Similarity, parameters: AlignmentParameters) -> npt.NDArray[np.float64]:
    """Return an upper bound of the evidence, nats, of any line; a bound of 0 makes an alignment unnecessary.

    Parameters
    ----------
    row_maxima
        Largest similarity of each query time, shape (n_query, ...); the bound has the shape of the other axes.
    """
    gains = np.clip(nats_of(row_maxima, parameters), 0.0, parameters.most)
    bound: npt.NDArray[np.float64] = gains.sum(axis=0, dtype=np.float64)
    return bound


def nats_of(similarity: Similarity, parameters: AlignmentParameters) -> Similarity:
    """Return the evidence for a copy of each similarity, nats, in its shape: linear, steeper where chance is rare."""
    sure = np.maximum(similarity - np.float32(parameters.sure), np.float32(0.0)) * np.float32(parameters.sure_nats)
    nats: Similarity = (similarity - np.float32(parameters.even)) * np.float32(parameters.nats) + sure
    return nats


def score_of(evidence: float, parameters: AlignmentParameters) -> float:
    """Return the score, 0 to 1, of evidence, nats."""
    return evidence / (evidence + parameters.half)


def supporting_times(gain: Times) -> Indices:
    """Return the times in favour of a copy within the interval with most evidence (Kadane's maximum subarray).

    Parameters
    ----------
    gain
        Evidence of each time, nats, shape (n,); the indices into it are ascending, none if no time is in favour.
    """
    total = np.concatenate([[0.0], np.cumsum(gain)])
    lowest = np.minimum.accumulate(total[:-1])
    end = int((total[1:] - lowest).argmax())
    start = int(total[: end + 1].argmin())
    inside = np.arange(start, end + 1)
    return inside[gain[inside] > 0.0]
