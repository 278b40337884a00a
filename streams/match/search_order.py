"""Order in which pieces of references are searched in the archive."""

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from heapq import heapify, heappop, heappush
from typing import NamedTuple

type ReferenceKey = tuple[str, str]
"""Case id and reference id."""

_TURNS = 4
"""Every fourth turn is the oldest reference's."""


class PieceWork(NamedTuple):
    """Work that is left of one piece of a reference."""

    reference: ReferenceKey
    rows: int
    """Its vectors and digests, or the hits left of a paused one."""


class SearchOrder:
    """Order of unsearched pieces: a clip does not wait for a film, and a film ends however many clips follow it.

    Three turns of four are those of the reference with the fewest rows left, the fourth is the oldest reference's.

    Parameters
    ----------
    unsearched
        Pieces by token, those of the oldest reference first.
    turns
        Counter of turns, which outlives the order: orders are made again whenever cases change.
    """

    def __init__(self, unsearched: Mapping[str, PieceWork], turns: Iterator[int]) -> None:
        self._work = dict(unsearched)
        self._turns = turns
        self._tokens: dict[ReferenceKey, deque[str]] = {}
        self._rows = Counter[ReferenceKey]()
        for token, work in unsearched.items():
            self._tokens.setdefault(work.reference, deque()).append(token)
            self._rows[work.reference] += work.rows
        self._oldest = deque(self._tokens)
        self._shortest = [(self._rows[key], place, key) for place, key in enumerate(self._tokens)]
        heapify(self._shortest)

    @property
    def n_references(self) -> int:
        """Number of references that have unsearched pieces."""
        return len(self._tokens)

    def next(self) -> str | None:
        """Return the piece whose turn it is, which stays in the order until it is `done`; None when all are."""
        if not self._tokens:
            return None
        while self._oldest[0] not in self._tokens:
            self._oldest.popleft()
        while self._rows.get(self._shortest[0][2]) != self._shortest[0][0]:
            heappop(self._shortest)
        is_oldest = next(self._turns) % _TURNS == _TURNS - 1
        return self._tokens[self._oldest[0] if is_oldest else self._shortest[0][2]][0]

    def paused(self, token: str, rows: int) -> None:
        """Set the rows left of a piece whose turn has ended before it was searched."""
        key, before = self._work[token]
        self._work[token] = PieceWork(key, rows)
        self._change(key, rows - before)

    def done(self, token: str) -> None:
        """Remove a piece that has been searched."""
        key, rows = self._work.pop(token)
        self._tokens[key].remove(token)
        if self._tokens[key]:
            self._change(key, -rows)
        else:
            del self._tokens[key], self._rows[key]

    def _change(self, key: ReferenceKey, rows: int) -> None:
        self._rows[key] += rows
        heappush(self._shortest, (self._rows[key], 0, key))
