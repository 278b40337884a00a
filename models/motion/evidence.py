"""Evidence of a passage's correlation, in nats, from distributions measured by ops/bench/motion.py; see card.md."""

import numpy as np

_LEAST_MOVING_S = 1.5
"""Motion that both recordings need for any evidence."""
_NATS = ((6.0, -3.0), (7.5, 0.0), (15.0, 12.0))
"""Nats of a correlation, in deviations of chance; between them along straight lines."""


def evidence(z: float, moving_s: float) -> float:
    """Return the log-likelihood ratio of the same recording against another one, possibly of the same room.

    Parameters
    ----------
    z
        Correlation of the best passage.
    moving_s
        Seconds of motion in the recording that has less.
    """
    if moving_s < _LEAST_MOVING_S:
        return 0.0
    correlations, nats = zip(*_NATS, strict=True)
    return float(np.interp(z, correlations, nats))
