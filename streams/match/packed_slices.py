"""Full slices of the archive as files: a byte a number, a fifth of what the engine keeps, and searched without it."""

import os
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from streams.match.archive import CandidateRule, Hit
from streams.match.near_rows import NearRows, times_of
from streams.match.normalisation import Rows
from streams.match.slices import Slice

_MOST = 127
_MARGIN = 0.005
"""Added to a cosine: ten times the standard error of a cosine with packed rows, so that none is lost."""
_HEX = "S32"
"""A digest as the engine keeps it, in hexadecimal digits."""
_MAX_FILLING = 16
_SUFFIX, _UNFINISHED = ".slice", ".part"


class PackedSlice(NamedTuple):
    """Content of a full slice.

    Attributes
    ----------
    rows
        int8 (n, d): vectors, each divided by its largest number.
    scales
        float32 (n,): what gives a row its length again.
    record
        int32 (n,): of each row its record.
    hits
        int64 (m, 2): partition and offset of each record.
    digests
        Digests, shape (k,).
    owner
        int32 (k,): of each digest its record.
    times_s
        float64 (n,): of each row its time.
    n_times
        int32 (n,): of each row the distinct times of its record.
    """

    rows: npt.NDArray[np.int8]
    scales: Rows
    record: npt.NDArray[np.int32]
    hits: npt.NDArray[np.int64]
    digests: npt.NDArray[np.bytes_]
    owner: npt.NDArray[np.int32]
    times_s: npt.NDArray[np.float64]
    n_times: npt.NDArray[np.int32]

    @classmethod
    def of(cls, kept: Sequence[Mapping[str, Any]]) -> Self:
        """Return the content of the engine's rows, with `key`, `part`, `offset`, `vector` and `digests`."""
        vectors = np.array([row["vector"] for row in kept], np.float32)
        scales = (np.abs(vectors).max(axis=1) / _MOST).astype(np.float32)
        rows = np.rint(vectors / np.maximum(scales, np.float32(1e-12))[:, None]).astype(np.int8)
        positions = np.array([[row["part"], row["offset"]] for row in kept], np.int64)
        hits, record = np.unique(positions, axis=0, return_inverse=True)
        digests = [(digest, at) for at, row in zip(record, kept, strict=True) for digest in row["digests"]]
        names = np.array([digest.encode() for digest, _ in digests], _HEX)
        owner = np.array([at for _, at in digests], np.int32)
        times_s, n_times = times_of([row["key"] for row in kept])
        return cls(rows, scales, record.astype(np.int32), hits, names, owner, times_s, n_times)

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Return the content of several parts as one."""
        before = np.cumsum([0, *(len(part.hits) for part in parts[:-1])]).astype(np.int32)
        shifted = [
            part._replace(record=part.record + at, owner=part.owner + at)
            for part, at in zip(parts, before, strict=True)
        ]
        return cls(*(np.concatenate(column) for column in zip(*shifted, strict=True)))

    def near(self, vectors: Rows, rule: CandidateRule) -> npt.NDArray[np.intp]:
        """Return the records that a rule admits by their cosines to these vectors, shape (n, d)."""
        if not len(vectors):
            return np.zeros(0, np.intp)
        cosines = (self.rows.astype(np.float32) @ vectors.T).max(axis=1) * self.scales
        rows = np.flatnonzero(cosines + _MARGIN >= rule.floor)
        near = NearRows(self.record[rows], cosines[rows] + np.float32(_MARGIN), self.times_s[rows], self.n_times[rows])
        return near.admitted(rule)

    def named(self, digests: Iterable[bytes]) -> npt.NDArray[np.intp]:
        """Return the records with one of these digests."""
        wanted = np.array([digest.hex().encode() for digest in digests], _HEX)
        return np.unique(self.owner[np.isin(self.digests, wanted)]).astype(np.intp)


class Filling:
    """Packed rows of the slices that this process fills from their first row on, so that they need not be read back.

    About 2 MB each, of as many as `_MAX_FILLING`; of others, as after a restart, the engine is asked.
    """

    def __init__(self) -> None:
        self._parts: OrderedDict[Slice, list[PackedSlice]] = OrderedDict()

    def begin(self, one: Slice) -> None:
        """Keep the rows of a slice that has none yet."""
        self._parts[one] = []
        if len(self._parts) > _MAX_FILLING:
            self._parts.popitem(last=False)

    def add(self, one: Slice, kept: Sequence[Mapping[str, Any]]) -> None:
        """Keep rows that were added to a slice, unless it is not kept."""
        if (parts := self._parts.get(one)) is not None:
            parts.append(PackedSlice.of(kept))

    def take(self, one: Slice) -> PackedSlice | None:
        """Return all rows of a slice and keep them no longer; None if they were not kept."""
        parts = self._parts.pop(one, None)
        return PackedSlice.joined(parts) if parts else None


class PackedSlices:
    """The files in a folder; safe to call from any thread, because a file never changes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True)
        for unfinished in folder.glob(f"*{_UNFINISHED}"):
            unfinished.unlink()
        found = (Slice.of(file.stem) for file in folder.glob(f"*{_SUFFIX}"))
        self.existing = {one for one in found if one is not None}
        for file in folder.glob(f"*{_SUFFIX}"):
            if Slice.of(file.stem) is None:
                file.unlink()  # of an earlier version: its records are read again

    def write(self, one: Slice, content: PackedSlice) -> None:
        """Write a slice; it is on the disk on return."""
        unfinished = self._file(one).with_suffix(_UNFINISHED)
        with unfinished.open("wb") as file:
            for array in content:
                np.lib.format.write_array(file, np.ascontiguousarray(array), allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(self._file(one))
        self._sync_folder()
        self.existing.add(one)

    def read(self, one: Slice) -> PackedSlice | None:
        """Return a slice's content, None if there is no file of it."""
        if one not in self.existing:
            return None
        try:
            with self._file(one).open("rb") as file:
                return PackedSlice(*(np.lib.format.read_array(file) for _ in PackedSlice._fields))
        except FileNotFoundError:  # it has expired meanwhile
            return None

    def search(
        self, one: Slice, vectors: Rows, digests: Collection[bytes], partitions: Collection[int], rule: CandidateRule
    ) -> set[Hit]:
        """Return the records of these partitions that are near a vector, or have a digest in common."""
        if (content := self.read(one)) is None:
            return set()
        found = content.hits[np.union1d(content.near(vectors, rule), content.named(digests))]
        return {Hit(int(part), int(offset)) for part, offset in found if part in partitions}

    def ends(self, one: Slice) -> dict[int, int]:
        """Return the last offset of each partition in a slice."""
        content = self.read(one)
        return {} if content is None else {int(part): int(offset) for part, offset in sorted(content.hits.tolist())}

    def count(self, one: Slice) -> int:
        """Return a slice's number of rows."""
        content = self.read(one)
        return 0 if content is None else len(content.rows)

    def drop(self, one: Slice) -> None:
        """Delete a slice."""
        self.existing.discard(one)
        self._file(one).unlink(missing_ok=True)

    def _file(self, one: Slice) -> Path:
        return self._folder / f"{one.name}{_SUFFIX}"

    def _sync_folder(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
