"""Search for a case's descriptors in any bytes: runs of its vectors, and digests of its terms."""

from collections.abc import Iterator
from zlib import crc32

import numpy as np
import numpy.typing as npt

from models.text.terms import bare
from schemas.messages import Reference

RUN_BYTES = 32
"""A copy of twice as many bytes of a vector holds at least one run, wherever it begins and ends."""
_LEAST_DISTINCT = 8
"""A run with fewer distinct bytes, as silence and black pictures have, is not a trace of anybody."""
_MAX_RUNS = 200_000
"""About 20 MB. Beyond it every second run is searched for, then every fourth: a copied descriptor has many."""
_SLICE_BYTES = 1 << 20
_PREFIX_BYTES = 3
_MAX_BYTES = RUN_BYTES
"""Of anything searched for."""


class DescriptorRuns:
    """Runs of bytes that occur in the descriptors of a case and, but for copies, nowhere else."""

    def __init__(self) -> None:
        self._runs: set[bytes] = set()
        self._lengths: set[int] = set()
        self._halvings = 0
        self._tables: tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]] | None = None

    def __len__(self) -> int:
        return len(self._runs)

    @property
    def searched_share(self) -> float:
        """Share of the runs that are searched for; 1 but for a very large case."""
        return float(0.5**self._halvings)

    def add(self, piece: Reference) -> None:
        """Add a piece of a reference."""
        for matrix in filter(None, (piece.vectors, piece.landmarks)):
            data = matrix.data
            self._add(data[at : at + RUN_BYTES] for at in range(0, len(data) - RUN_BYTES + 1, RUN_BYTES))
        self._add(bare(digest) for digest in piece.digests)

    def add_key(self, data_key: bytes) -> None:
        """Add the wrapped data key of a case, whose end is unlike any other's."""
        self._add(iter([data_key[-RUN_BYTES:]] if len(data_key) >= RUN_BYTES else []))

    def found_in(self, value: bytes) -> bool:
        """Return whether any run is anywhere in these bytes."""
        return bool(self._runs) and any(self._in_slice(part) for part in _slices(value))

    def _add(self, runs: Iterator[bytes]) -> None:
        self._tables = None
        for run in runs:
            if _is_telling(run) and self._is_kept(run):
                self._runs.add(run)
                self._lengths.add(len(run))
                while len(self._runs) > _MAX_RUNS:
                    self._halvings += 1
                    self._runs = {kept for kept in self._runs if self._is_kept(kept)}

    def _is_kept(self, run: bytes) -> bool:
        return crc32(run) % (1 << self._halvings) == 0

    def _in_slice(self, part: bytes) -> bool:
        """Compare only where two tables of prefixes, bytes 0 to 2 and 3 to 5, both have what stands there."""
        first, second = self._tables = self._tables or self._build_tables()
        at = _prefixes(part)
        starts = np.flatnonzero(first[at[:-_PREFIX_BYTES]] & second[at[_PREFIX_BYTES:]]).tolist()
        return any(part[start : start + length] in self._runs for start in starts for length in self._lengths)

    def _build_tables(self) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        tables = np.zeros(1 << 24, bool), np.zeros(1 << 24, bool)
        for number, table in enumerate(tables):
            start = number * _PREFIX_BYTES
            prefixes = b"".join(run[start : start + _PREFIX_BYTES] for run in self._runs)
            table[_prefixes(prefixes)[::_PREFIX_BYTES]] = True
        return tables


def _is_telling(run: bytes) -> bool:
    """Return whether a run is rare, and so is its beginning: zeros are everywhere, and each would be compared."""
    return len(set(run)) >= _LEAST_DISTINCT and len(set(run[: 2 * _PREFIX_BYTES])) >= _PREFIX_BYTES


def _prefixes(data: bytes) -> npt.NDArray[np.uint32]:
    """Return the three bytes at every offset as one number, shape (len - 2,)."""
    wide = np.frombuffer(data, np.uint8).astype(np.uint32)
    return np.asarray((wide[:-2] << 16) | (wide[1:-1] << 8) | wide[2:], np.uint32)


def _slices(value: bytes) -> Iterator[bytes]:
    """Yield overlapping slices, so that no run is cut and a large record takes no more memory than a small one."""
    for start in range(0, max(len(value) - 2 * _PREFIX_BYTES + 1, 0), _SLICE_BYTES):
        yield value[start : start + _SLICE_BYTES + _MAX_BYTES]
