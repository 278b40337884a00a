"""Order in which the archive's slices are coded and merged, as in a log-structured merge tree with equal tiers.

Eight of one size become one of eight times the size, up to 512 slices, half a million rows: so a week has at most
seven of each size and those of the largest, and a row is written three times after it is coded. Of a week to which
nothing is added any more all become one, up to two million rows. Slices of different weeks are not merged, or the older
would expire later.
"""

from collections.abc import Collection, Mapping
from itertools import accumulate, groupby
from typing import NamedTuple

from streams.match.slices import Slice

_TRAINED = 16
"""Slices of one week of which the first codes of a space are trained, and the most that are coded as one."""
_GROUP, _MOST = 8, 2_048
"""Slices, or coded slices of one size, that become one, and the most that one is of."""
SETTLED = 2
"""Weeks after which nothing is added to a week."""


class Coded(NamedTuple):
    """What is known of a coded slice without its file."""

    first: int
    """Number of the first slice that became part of it."""
    n_slices: int
    codes: tuple[int, int]

    @property
    def size(self) -> int:
        """How often eight slices became one."""
        return sum(self.n_slices >= _GROUP**power for power in range(1, 4))


def to_code(packed: Collection[Slice], spaces: Collection[str]) -> list[Slice]:
    """Return slices of one week that are to become one coded slice, in their order.

    Parameters
    ----------
    packed
        Slices that are not coded.
    spaces
        Those that have codes: of any other there must be enough slices to train them.
    """
    newest = _newest(packed)
    for (space, week), found in groupby(sorted(packed), key=lambda one: (one.space, one.week)):
        slices = list(found)
        if space in spaces or len(slices) >= _TRAINED or week <= newest[space] - SETTLED:
            return slices[:_TRAINED]
    return []


def to_merge(coded: Mapping[Slice, Coded]) -> list[Slice]:
    """Return coded slices of one week with the same codes that are to become one, in their order."""
    newest = _newest(coded)

    def is_settled(one: Slice) -> bool:
        return one.week <= newest[one.space] - SETTLED

    def kind(one: Slice) -> tuple[object, ...]:
        found = coded[one]
        size = found.n_slices >= _MOST if is_settled(one) else found.size
        return one.space, one.week, found.codes, size

    for _, found in groupby(sorted(coded), key=kind):
        slices = list(found)
        ends = accumulate(coded[one].n_slices for one in slices)
        group = [one for one, end in zip(slices, ends, strict=True) if end <= _MOST]
        if not is_settled(slices[0]):
            group = group[:_GROUP]
        if len(group) >= (2 if is_settled(slices[0]) else _GROUP):
            return group
    return []


def _newest(slices: Collection[Slice]) -> dict[str, int]:
    """Return the newest week of each space."""
    return {one.space: one.week for one in sorted(slices)}
