"""Index of the rows of many references: which a query's rows resemble, at a cost that hardly grows with them."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import batched
from typing import NamedTuple

import faiss
import numpy as np

from streams.match.normalisation import Rows
from streams.match.product_codes import Lists, Numbers
from streams.match.row_codes import Codes, searched
from streams.match.runs import Runs, Times

_SHARD_ROWS = 250_000
"""Rows from which a shard takes no further references: it bounds what an addition and a withdrawal copy, 11 MB.

Shards are not merged: merging copies of them by faiss 1.15 damages the process's memory.
"""
_BATCH = 256
"""References coded in one step: bounds the memory."""
_FEWEST_LISTS = 8
_HITS, _MOST_HITS, _ALL_HITS = 64, 1_024, 4_096
"""Least and most hits of one row, and about the most of a query."""
_UNIT_S, _MOST_UNITS = 0.5, 0xFFFF
"""Unit of the times that are kept with a row, and the most of them: nine hours."""
_NUMBER_BIT, _START_BIT = 32, 16


class Hits(NamedTuple):
    """What resembles the rows of a query: one entry for each similar row of a reference, shape (n,)."""

    row: Numbers
    """Row of the query."""
    number: Numbers
    """Number of the reference."""
    cosine: Rows
    """Estimated: its error is about 0.05."""
    start_s: Times
    """First and last time of the reference at which it shows this row."""
    end_s: Times

    def at(self, chosen: Numbers) -> "Hits":
        """Return the entries of these indices."""
        return Hits(
            self.row[chosen], self.number[chosen], self.cosine[chosen], self.start_s[chosen], self.end_s[chosen]
        )


class Shard(NamedTuple):
    """Coded rows of references with numbers from `first` to `last`."""

    coded: Lists
    first: int
    last: int


@dataclass(frozen=True)
class RowIndex:
    """Coded rows of numbered references in shards; immutable: a change copies one shard and shares the others."""

    codes: Codes
    shards: tuple[Shard, ...] = ()
    """In the order of their numbers."""

    @property
    def n_rows(self) -> int:
        """Number of coded rows."""
        return sum(int(shard.coded.ntotal) for shard in self.shards)

    def hits(self, rows: Rows, n_compared: int) -> Hits:
        """Return what resembles these rows, shape (n, d): for each the 64 most similar ones, or more of few rows.

        Parameters
        ----------
        n_compared
            Codes compared with all rows together, about: each of few rows is compared with more of them.
        """
        faiss.omp_set_num_threads(1)  # of this thread: searches run in many threads already
        projected = self.codes.projected(rows)
        n_hits = int(np.clip(_ALL_HITS // max(1, len(rows)), _HITS, _MOST_HITS))
        lists = self.codes.nearest_lists(projected, self._n_probes(len(rows), n_compared))
        found = [searched(shard.coded, projected, lists, n_hits) for shard in self.shards if len(rows)]
        nothing = np.zeros((len(rows), 0))
        products = np.concatenate([nothing.astype(np.float32), *(one for one, _ in found)], axis=1)
        keys = np.concatenate([nothing.astype(np.int64), *(one for _, one in found)], axis=1)
        if keys.shape[1] > n_hits:
            nearest = np.argpartition(products, -n_hits, axis=1)[:, -n_hits:]
            products, keys = (np.take_along_axis(one, nearest, axis=1) for one in (products, keys))
        row, column = np.nonzero(keys >= 0)
        return Hits(row, *_unkeyed(keys[row, column], self.codes.cosine(products[row, column])))

    def with_added(self, added: Iterable[tuple[int, Runs]]) -> "RowIndex":
        """Return an index that has these references' rows too, each with its number, higher than all before."""
        faiss.omp_set_num_threads(1)
        shards = list(self.shards)
        for batch in batched(((number, runs) for number, runs in added if len(runs.rows)), _BATCH):
            is_open = bool(shards) and shards[-1].coded.ntotal < _SHARD_ROWS
            last = shards.pop() if is_open else Shard(self.codes.empty(), first=batch[0][0], last=-1)
            coded = faiss.clone_index(last.coded)
            rows = np.concatenate([self.codes.projected(runs.rows) for _, runs in batch])
            coded.add_with_ids(rows, np.concatenate([_keys(number, runs) for number, runs in batch]))
            if coded.ntotal >= _SHARD_ROWS:
                coded = faiss.clone_index(coded)  # which has no room for more
            shards.append(Shard(coded, last.first, batch[-1][0]))
        return replace(self, shards=tuple(shards))

    def without(self, numbers: Iterable[int]) -> "RowIndex":
        """Return an index without these references' rows; the shards that had some are written anew."""
        gone = sorted(numbers)
        shards = (_without(shard, gone) for shard in self.shards)
        return replace(self, shards=tuple(shard for shard in shards if shard.coded.ntotal))

    def _n_probes(self, n_query_rows: int, n_compared: int) -> int:
        share = n_compared / max(1, n_query_rows * self.n_rows)  # an exact copy may have no rows
        return int(np.clip(np.ceil(share * self.codes.n_lists), _FEWEST_LISTS, self.codes.n_lists))


def _without(shard: Shard, gone: Sequence[int]) -> Shard:
    own = gone[bisect_left(gone, shard.first) : bisect_right(gone, shard.last)]
    if not own:
        return shard
    copy = faiss.clone_index(shard.coded)
    for number in own:
        copy.remove_ids(faiss.IDSelectorRange(number << _NUMBER_BIT, number + 1 << _NUMBER_BIT))
    return shard._replace(coded=copy)


def _keys(number: int, runs: Runs) -> Numbers:
    """Return number, start and duration of each row in the one integer that the engine keeps with it."""
    start = np.clip(np.rint(runs.start_s / _UNIT_S), 0, _MOST_UNITS).astype(np.int64)
    units = np.clip(np.rint((runs.end_s - runs.start_s) / _UNIT_S), 0, _MOST_UNITS).astype(np.int64)
    keys: Numbers = np.int64(number) << _NUMBER_BIT | start << _START_BIT | units
    return keys


def _unkeyed(keys: Numbers, cosine: Rows) -> tuple[Numbers, Rows, Times, Times]:
    start_s: Times = (keys >> _START_BIT & _MOST_UNITS).astype(np.float64) * _UNIT_S
    return keys >> _NUMBER_BIT, cosine, start_s, start_s + (keys & _MOST_UNITS) * _UNIT_S
