"""Evidence of landmarks beside that of an alignment, in nats; the limits are measured, see card.md."""

from collections.abc import Iterable, Sequence
from itertools import islice

import numpy as np

from models.landmarks.compare import Agreement, Line, agreement, stretches
from models.landmarks.peaks import Peaks

_CHANCE, _COPY, _SURE = 10.0, 16.0, 24.0
"""Nats of the best place: up to the first there is only chance, from the second on a copy is likely, and what exceeds
the third, which like words of one voice in one take may reach, is evidence for one."""
_KEPT = 0.2
"""Share of the alignment's evidence that remains where there is only chance: loud speech hides the peaks of music."""
_ENOUGH = 80
"""Landmarks of a stretch from which a copy would agree, whatever was done to it; of fewer it is less certain."""
_MOST = 60.0
"""Most evidence that is added, nats."""
_CERTAIN = _SURE + _MOST
"""Nats of one stretch from which further ones change nothing."""
_MOST_STRETCHES = 6
"""Stretches that are compared, those of the best passages; each takes up to 4 ms."""


def agreements(query: Peaks, reference: Peaks, lines: Iterable[Line]) -> list[Agreement]:
    """Return how the landmarks of a query agree with a reference's along lines, best first, as far as it matters."""
    found: list[Agreement] = []
    for part in islice((part for line in lines for part in stretches(line)), _MOST_STRETCHES):
        found.append(agreement(query, reference, part))
        if found[-1].nats >= _CERTAIN:
            break
    return found


def weighed(evidence: float, found: Sequence[Agreement]) -> float:
    """Return the evidence of a sound's passages with that of their landmarks, nats.

    What agrees beyond chance is added. Where nothing does, like sounds are no copy: so much is taken away as the
    passages have landmarks.

    Parameters
    ----------
    evidence
        Of the alignment, nats.
    found
        Agreements along its passages, at least one.
    """
    added = sum(max(0.0, each.nats - _SURE) for each in found)
    best = max(each.nats for each in found)
    missing = float(np.interp(best, (_CHANCE, _COPY), (1.0 - _KEPT, 0.0)))
    expected = min(1.0, sum(each.n for each in found) / _ENOUGH)
    return evidence * (1.0 - missing * expected) + min(_MOST, added)
