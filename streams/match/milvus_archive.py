"""Archive in Milvus Lite: an embedded engine, with a folder of its own.

Every slice is a collection with a lock of its own, so a search holds up only adds to the slice that it is at, and an
expired slice is dropped with its files, whatever its size.
"""

from collections.abc import Callable, Collection, Iterable
from itertools import zip_longest
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from pymilvus import MilvusException

from models.text.terms import bare
from schemas.matrix import unpack
from schemas.messages import Descriptors, Reference
from streams.errors import UsageError
from streams.match.archive import Hit
from streams.match.slice_store import MAX_DIGESTS, SliceStore
from streams.match.slices import Slice, Slices

_FIRST_LIMIT, _MAX_LIMIT = 32, 16_384
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
            self._slices = Slices(self._store.existing(), self._store.count)
        except (OSError, MilvusException) as error:
            remedy = "is another worker using it, or is its disk full?"
            raise UsageError(f"archive {folder} cannot be opened, {remedy}") from error
        self._ends: dict[Slice, dict[int, int]] = {}

    def add(self, hit: Hit, descriptors: Descriptors) -> None:
        """Store the vectors of one segment."""
        rows = list(_rows(hit, descriptors))
        if not rows:
            return
        one, full = self._slices.place(_space(descriptors), descriptors.segment.post.seen_at, len(rows))
        with self._store.using(one, descriptors.vectors.columns):
            self._store.client.upsert(one.name, rows)
            if (ends := self._ends.get(one)) is not None:
                ends[hit.partition] = max(ends.get(hit.partition, 0), hit.offset)
        self._store.added(one)
        if full is not None:
            self._store.close_slice(full)

    def sync(self) -> None:
        """Return when everything added before is on the disk."""
        self._store.sync()

    def search(self, reference: Reference, partitions: Collection[int], floor: float) -> set[Hit]:
        """Return the segments that may match this piece."""
        if not partitions:
            return set()
        found: set[Hit] = set()
        condition = f"part in {sorted(partitions)}"
        for one in self._slices.of(_space(reference)):
            with self._store.using(one) as exists:
                if exists:
                    found |= self._by_vector(one.name, reference, condition, floor)
                    found |= self._by_digest(one.name, reference, condition)
        return found

    def expire(self, first: Callable[[int], int]) -> int:
        """Drop the slices of which every record lies before its partition's first offset."""
        n_dropped = 0
        for space in self._slices.spaces():
            for one in self._slices.of(space):
                if n_dropped == _MAX_DROPS or not self._drop_if_expired(one, first):
                    break
                n_dropped += 1
        return n_dropped

    def close(self) -> None:
        """Release the files."""
        self._store.close()

    def _drop_if_expired(self, one: Slice, first: Callable[[int], int]) -> bool:
        with self._store.using(one) as exists:
            if exists and any(first(partition) <= end for partition, end in self._ends_of(one).items()):
                return False
            self._store.drop(one)
            self._ends.pop(one, None)
        self._slices.remove(one)
        return True

    def _ends_of(self, one: Slice) -> dict[int, int]:
        """Return the last offset of each partition in a slice; only the oldest slices are queried, so few are kept."""
        if one not in self._ends:
            rows = self._store.client.query(one.name, filter="offset >= 0", output_fields=["part", "offset"])
            self._ends[one] = {row["part"]: row["offset"] for row in sorted(rows, key=itemgetter("offset"))}
        return self._ends[one]

    def _by_vector(self, name: str, reference: Reference, condition: str, floor: float) -> set[Hit]:
        vectors, limit = list(unpack(reference.vectors)), _FIRST_LIMIT
        found: set[Hit] = set()
        while vectors:
            # A range search would make the embedded engine create a Python object for every vector it holds.
            results = self._store.client.search(
                name, data=vectors, filter=condition, limit=limit, output_fields=["part", "offset"]
            )
            near = [[hit["entity"] for hit in hits if hit["distance"] >= floor] for hits in results]
            found |= {Hit(entity["part"], entity["offset"]) for entities in near for entity in entities}
            if limit == _MAX_LIMIT:
                break
            # A vector whose hits above the floor fill the limit may have more.
            vectors = [vector for vector, hits in zip(vectors, near, strict=True) if len(hits) == limit]
            limit = min(8 * limit, _MAX_LIMIT)
        return found

    def _by_digest(self, name: str, reference: Reference, condition: str) -> set[Hit]:
        if not reference.digests:
            return set()
        wanted = ", ".join(f'"{bare(digest).hex()}"' for digest in reference.digests)
        condition = f"{condition} and ARRAY_CONTAINS_ANY(digests, [{wanted}])"
        iterator = self._store.client.query_iterator(name, filter=condition, output_fields=["part", "offset"])
        found: set[Hit] = set()
        try:
            while rows := iterator.next():
                found |= {Hit(row["part"], row["offset"]) for row in rows}
        finally:
            iterator.close()
        return found


def _space(described: Descriptors | Reference) -> str:
    # The name includes the width: one foreign record of another width must not stop the archive.
    name = f"{described.modality}_{described.model}_{described.version}_{described.vectors.columns}"
    return "".join(letter if letter.isalnum() else "_" for letter in name)


def _rows(hit: Hit, descriptors: Descriptors) -> Iterable[dict[str, Any]]:
    vectors = unpack(descriptors.vectors)
    digests = [digest.hex() for digest in descriptors.digests]
    # The subtitles of a film have more digests than one row holds. A zero vector resembles nothing.
    parts = [digests[start : start + MAX_DIGESTS] for start in range(0, len(digests), MAX_DIGESTS)]
    zero = np.zeros(descriptors.vectors.columns, np.float32)
    for row, (vector, part) in enumerate(zip_longest(vectors, parts)):
        yield {
            "key": f"{hit.partition}-{hit.offset}-{row}",
            "part": hit.partition,
            "offset": hit.offset,
            "vector": zero if vector is None else vector,
            "digests": part or [],
        }
