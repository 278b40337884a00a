"""Rows of a slice of the archive that resemble a piece of a reference, and the segments that they admit."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from streams.match.archive import CandidateRule, Hit, NearTimes
from streams.match.normalisation import Rows


def row_key(hit: Hit, row: int, time_s: float, n_times: int) -> str:
    """Return the key of a row, which has what a search needs of it.

    Parameters
    ----------
    time_s
        Of the row in its medium.
    n_times
        Distinct times of its segment.
    """
    return f"{hit.partition}/{hit.offset}/{row}/{time_s:.6f}/{n_times}"


def times_of(keys: Sequence[str]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int32]]:
    """Return the time of each row, and the number of times of its segment."""
    found = [key.split("/")[3:] for key in keys]
    return np.array([time_s for time_s, _ in found], np.float64), np.array([n for _, n in found], np.int32)


class NearRows(NamedTuple):
    """Rows that are near a piece, each of shape (n,)."""

    record: npt.NDArray[np.int32]
    """Number of the segment."""
    cosine: Rows
    times_s: npt.NDArray[np.float64]
    n_times: npt.NDArray[np.int32]

    def admitted(self, rule: CandidateRule) -> npt.NDArray[np.intp]:
        """Return the segments that a rule admits; of several rows of one time the most similar counts."""
        order = np.lexsort((-self.cosine, self.times_s, self.record))
        record, times_s = self.record[order], self.times_s[order]
        is_best = np.ones(len(order), np.bool_)
        is_best[1:] = (np.diff(record) != 0) | (np.diff(times_s) != 0)
        kept = order[is_best]
        segments = np.split(kept, np.flatnonzero(np.diff(self.record[kept])) + 1) if len(kept) else []
        found = [int(self.record[rows[0]]) for rows in segments if rule.admits(self._times(rows))]
        return np.array(found, np.intp)

    def _times(self, rows: npt.NDArray[np.intp]) -> NearTimes:
        return NearTimes(self.times_s[rows], self.cosine[rows], int(self.n_times[rows[0]]))


def hits_near(
    keys: Sequence[str], rows: Rows, piece: Rows, partitions: Collection[int], rule: CandidateRule
) -> set[Hit]:
    """Return the segments of these partitions that a rule admits.

    Parameters
    ----------
    rows
        Archived rows of these keys, shape (n, d).
    piece
        Rows of a reference, shape (m, d).
    """
    if not len(rows) or not len(piece):
        return set()
    maxima = (rows @ piece.T).max(axis=1)
    near = np.flatnonzero(maxima >= rule.floor)
    chosen = [keys[at] for at in near.tolist()]
    positions = [Hit(int(partition), int(offset)) for partition, offset, *_ in (key.split("/") for key in chosen)]
    number = {hit: at for at, hit in enumerate(dict.fromkeys(positions))}
    record, hits = np.array([number[hit] for hit in positions], np.int32), list(number)
    found = NearRows(record, maxima[near], *times_of(chosen)).admitted(rule)
    return {hits[at] for at in found if hits[at].partition in partitions}
