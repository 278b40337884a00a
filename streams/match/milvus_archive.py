"""Archive in Milvus Lite: an embedded engine, with a folder of its own.

Every slice is a collection with a lock of its own, so a search holds up only adds to the slice that it is at, and an
expired slice is dropped with its files, whatever its size. With the next compaction, for which no add waits, a full
slice becomes a file (packed_slices.py) and leaves the engine; an add that was late gives it a collection again beside
its file, and both are searched. Files become codes (coded_slice.py), which find the segments to compare and are merged
(compaction.py); the rows are in their topic.
"""

import sys
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import groupby, zip_longest
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np
from pymilvus import MilvusException

from models.text.terms import bare
from schemas.matrix import unpack
from schemas.messages import Descriptors, Reference
from streams.errors import UsageError, WorkerError
from streams.match.archive import CandidateRule, Hit
from streams.match.compaction import Compacted, compacted
from streams.match.file_search import in_files
from streams.match.near_rows import hits_near, row_key
from streams.match.packed_slices import Filling, PackedSlice
from streams.match.slice_files import SliceFiles
from streams.match.slice_store import MAX_DIGESTS, SliceStore
from streams.match.slices import Slice, Slices

_MAX_DROPS = 16
"""Slices dropped in one call of `expire`."""


class MilvusArchive:
    """Archive in Milvus Lite; expired rows stay in their slice until all of it has expired, a week at most.

    Parameters
    ----------
    folder
        Folder of the embedded engine; one worker at a time.

    Raises
    ------
    UsageError
        The folder cannot be used, or another worker uses it.
    """

    def __init__(self, folder: Path | str) -> None:
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.folder = Path(folder) / "archive.db"
            self._store = SliceStore(self.folder)
            self._in_engine = set(self._store.existing())
            self._files = SliceFiles(self.folder / "packed")
            self._slices = Slices(self._in_engine | self._files.existing, self._count)
        except (OSError, MilvusException) as error:
            remedy = "is another worker using it, or is its disk full?"
            raise UsageError(f"archive {folder} cannot be opened, {remedy}") from error
        self._ends: dict[Slice, dict[int, int]] = {}
        self._filling = Filling()
        self._full: SimpleQueue[Slice] = SimpleQueue()
        """In the engine until the next compaction."""
        for one in self._left_full():
            self._full.put(one)
        self._changing = threading.Lock()
        """Held by a search, and while slices become one."""
        self._rewriting = threading.Lock()
        """Held while slices are compacted or dropped, which takes longer."""

    def add(self, hit: Hit, descriptors: Descriptors) -> None:
        """Store the vectors of one segment."""
        rows = list(_rows(hit, descriptors))
        if not rows:
            return
        one, full = self._slices.place(space_name(descriptors), descriptors.segment.post.seen_at, len(rows))
        with self._store.using(one, descriptors.vectors.columns):
            if one not in self._in_engine and one not in self._files.existing:
                self._filling.begin(one)
            self._in_engine.add(one)
            self._slices.keep(one)
            self._store.client.upsert(one.name, rows)
            self._filling.add(one, rows)
            if (ends := self._ends.get(one)) is not None:
                ends[hit.partition] = max(ends.get(hit.partition, 0), hit.offset)
        self._store.added(one)
        if full is not None:
            self._full.put(full)

    def sync(self) -> None:
        """Return when everything added before is on the disk."""
        self._store.sync()

    def search(self, reference: Reference, partitions: Collection[int], rule: CandidateRule) -> set[Hit]:
        """Return the segments that may match this piece."""
        if not partitions:
            return set()
        with self._changing:
            slices = self._slices.of(space_name(reference))
            found = set[Hit]()
            for one in slices:
                if one in self._in_engine:
                    found |= self._in_collection(one, reference, partitions, rule)
            # Afterwards: a slice may have been packed while this waited for it.
            found |= in_files(self._files, slices, reference, rule)
        return {hit for hit in found if hit.partition in partitions}

    def compact(self) -> int:
        """Make files of full slices, then codes of those of one week, or else of several coded slices one."""
        with self._alone() as is_alone:
            if is_alone:
                self._pack_full()
            found = compacted(self._files) if is_alone else None
            if found is None:
                return 0
            self._replace(found)
            return len(found.group)

    def _replace(self, found: Compacted) -> None:
        *others, last = found.group
        with self._changing:
            with self._store.using(last):
                self._files.write(last, found.content)
                self._ends.pop(last, None)
            for one in others:
                self._forget_file(one)

    def expire(self, first: Callable[[int], int]) -> int:
        """Drop the slices of which every record lies before its partition's first offset."""
        n_dropped = 0
        with self._alone() as is_alone:
            for space in self._slices.spaces() if is_alone else ():
                for one in self._slices.of(space):
                    if n_dropped == _MAX_DROPS or not self._drop_if_expired(one, first):
                        break
                    n_dropped += 1
        return n_dropped

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """Yield whether slices may be compacted or dropped; another thread that does either is not waited for."""
        if not self._rewriting.acquire(blocking=False):
            yield False
            return
        try:
            yield True
        finally:
            self._rewriting.release()

    def close(self) -> None:
        """Make files of full slices, and release the files."""
        with suppress(WorkerError):  # they stay in the engine
            self._pack_full()
        self._store.close()

    def _count(self, one: Slice) -> int:
        """Return a slice's number of rows; a coded one is full, whatever it has."""
        if self._files.is_coded(one):
            return sys.maxsize
        content = self._files.read(one)
        return self._store.count(one) + (0 if content is None else content.n_rows)

    def _forget_file(self, one: Slice) -> None:
        """Delete the file of a slice that has become part of another; what was added to it late stays."""
        with self._store.using(one):
            self._files.drop(one)
            self._ends.pop(one, None)
            if one not in self._in_engine:
                self._slices.remove(one)

    def _left_full(self) -> Iterator[Slice]:
        """Yield full slices that a kill left in the engine: those between the last file and the newest of a week."""
        existing = sorted(self._in_engine | self._files.existing)
        for _, of_week in groupby(existing, key=lambda one: (one.space, one.week)):
            *full, _newest = of_week
            last = max((one.number for one in full if one in self._files.existing), default=-1)
            yield from (one for one in full if one.number > last)

    def _pack_full(self) -> None:
        with suppress(Empty):
            while True:
                self._pack(self._full.get_nowait())

    def _pack(self, one: Slice) -> None:
        """Make a file of a slice, which is on the disk before the engine loses it."""
        with self._store.using(one) as exists:
            # One that has a file already was added to late: its few rows stay where they are.
            if not exists or one in self._files.existing:
                return
            if content := self._filling.take(one) or self._read(one):
                self._files.write(one, content)
            self._store.drop(one)
            self._in_engine.discard(one)

    def _read(self, one: Slice) -> PackedSlice | None:
        kept = list(self._rows_of(one.name, "offset >= 0", "key", "part", "offset", "vector", "digests"))
        return PackedSlice.of(kept) if kept else None

    def _in_collection(
        self, one: Slice, reference: Reference, partitions: Collection[int], rule: CandidateRule
    ) -> set[Hit]:
        condition = f"part in {sorted(partitions)}"
        with self._store.using(one) as exists:
            if not exists:
                return set()
            near = hits_near(*self._store.rows(one), unpack(reference.vectors), partitions, rule)
            return near | self._by_digest(one.name, reference, condition)

    def _drop_if_expired(self, one: Slice, first: Callable[[int], int]) -> bool:
        with self._store.using(one) as exists:
            if any(first(partition) <= end for partition, end in self._ends_of(one, exists=exists).items()):
                return False
            self._store.drop(one)
            self._in_engine.discard(one)
            self._files.drop(one)
            self._ends.pop(one, None)
        self._slices.remove(one)
        return True

    def _ends_of(self, one: Slice, *, exists: bool) -> dict[int, int]:
        """Return the last offset of each partition in a slice; only the oldest slices are queried, so few are kept."""
        if one not in self._ends:
            ends = self._files.ends(one)
            if exists:
                for row in self._rows_of(one.name, "offset >= 0", "part", "offset"):
                    ends[row["part"]] = max(ends.get(row["part"], 0), row["offset"])
            self._ends[one] = ends
        return self._ends[one]

    def _by_digest(self, name: str, reference: Reference, condition: str) -> set[Hit]:
        if not reference.digests:
            return set()
        wanted = ", ".join(f'"{bare(digest).hex()}"' for digest in reference.digests)
        condition = f"{condition} and ARRAY_CONTAINS_ANY(digests, [{wanted}])"
        return {Hit(row["part"], row["offset"]) for row in self._rows_of(name, condition, "part", "offset")}

    def _rows_of(self, name: str, condition: str, *fields: str) -> Iterator[dict[str, Any]]:
        iterator = self._store.client.query_iterator(name, filter=condition, output_fields=list(fields))
        try:
            while rows := iterator.next():
                yield from rows
        finally:
            iterator.close()


def space_name(described: Descriptors | Reference) -> str:
    """Return the name of the space of these vectors, for its slices."""
    # The name includes the width: one foreign record of another width must not stop the archive.
    name = f"{described.modality}_{described.model}_{described.version}_{described.vectors.columns}"
    return "".join(letter if letter.isalnum() else "_" for letter in name)


def _rows(hit: Hit, descriptors: Descriptors) -> Iterable[dict[str, Any]]:
    vectors = unpack(descriptors.vectors)
    digests = [digest.hex() for digest in descriptors.digests]
    # The subtitles of a film have more digests than one row holds. A zero vector resembles nothing.
    parts = [digests[start : start + MAX_DIGESTS] for start in range(0, len(digests), MAX_DIGESTS)]
    zero, n_times = np.zeros(descriptors.vectors.columns, np.float32), len(set(descriptors.times_s))
    for row, (vector, time_s, part) in enumerate(zip_longest(vectors, descriptors.times_s, parts)):
        yield {
            "key": row_key(hit, row, time_s or 0.0, n_times),
            "part": hit.partition,
            "offset": hit.offset,
            "vector": zero if vector is None else vector,
            "digests": part or [],
        }
