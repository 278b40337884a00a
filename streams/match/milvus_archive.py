"""Archive in Milvus Lite: an engine in this process, with a folder of its own.

Every slice is a collection with a lock of its own, so a search holds up only adds to the slice that it is at, and an
expired slice is dropped with its files, whatever its size.
"""

import logging
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from milvus_lite.server_manager import server_manager_instance as embedded_servers
from pymilvus import DataType, MilvusClient, MilvusException

from models.text.terms import bare
from schemas.matrix import unpack
from schemas.messages import Descriptors, Reference
from streams.errors import UsageError
from streams.match.archive import Hit
from streams.match.slices import Slice, Slices

_FIRST_LIMIT, _MAX_LIMIT = 32, 16_384
_MAX_DIGESTS = 4_096
_MAX_OPEN = 64
"""Slices open at once, about 20 MB each: above that the one used longest ago is closed, and read again when needed."""
_MAX_DROPS = 16
"""Slices dropped in one call of `expire`."""
_ERRNO = re.compile(r"\[errno (\d+)\]", re.IGNORECASE)
"""How Python and Arrow write the number of an operating system's error, all that the engine passes on of it."""

for _logger in ("pymilvus", "milvus_lite", "grpc._server"):
    # They log, with tracebacks, what they also raise, and that the embedded engine has no clock of its own.
    logging.getLogger(_logger).setLevel(logging.CRITICAL)


class MilvusArchive:
    """Archive in Milvus Lite; expired rows stay in a slice until all its rows have expired, a week at most.

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
            self._client = MilvusClient(str(self.folder))
            self._slices = Slices(self._existing())
        except (OSError, MilvusException) as error:
            remedy = "is another worker using it, or is its disk full?"
            raise UsageError(f"archive {folder} cannot be opened, {remedy}") from error
        self._failure: OSError | None = None
        self._catalogue = threading.Lock()
        self._locks: dict[Slice, threading.Lock] = {}
        self._open: OrderedDict[Slice, None] = OrderedDict()
        self._unsynced: set[Slice] = set()

    def add(self, hit: Hit, descriptors: Descriptors) -> None:
        """Store the vectors of one segment."""
        rows = list(_rows(hit, descriptors))
        if not rows:
            return
        day = descriptors.segment.post.seen_at.toordinal()
        one, full = self._slices.place(_space(descriptors), hit.partition, hit.offset, day, len(rows))
        with self._using(one, descriptors.vectors.columns):
            self._client.upsert(one.name, rows)
        with self._catalogue:
            self._unsynced.add(one)
        if full is not None:
            self._close(full)

    def sync(self) -> None:
        """Return when everything added before is on the disk, which the engine does not wait for."""
        with self._catalogue:
            unsynced, self._unsynced = self._unsynced, set()
        for one in unsynced:
            self._sync(one)

    def search(self, reference: Reference, partitions: Collection[int], floor: float) -> set[Hit]:
        """Return the segments that may match this piece."""
        found: set[Hit] = set()
        for one in self._slices.of(_space(reference), partitions):
            with self._using(one) as exists:
                if exists:
                    found |= self._by_vector(one.name, reference, floor) | self._by_digest(one.name, reference)
        return found

    def partitions(self) -> set[int]:
        """Return the partitions of which anything is stored."""
        return self._slices.partitions()

    def expire(self, partition: int, first: int) -> int:
        """Drop the slices of which every record lies before this offset."""
        n_dropped = 0
        for one in self._slices.before(partition, first):
            if n_dropped < _MAX_DROPS:
                n_dropped += self._drop_if_expired(one, first)
        return n_dropped

    def close(self) -> None:
        """Release the files."""
        self._client.close()
        # The client would keep the embedded engine, its threads and its lock on the folder until the process ends.
        embedded_servers.release_server(str(self.folder))

    def _existing(self) -> list[Slice]:
        found = {name: Slice.of(name) for name in self._client.list_collections()}
        for name, one in found.items():
            if one is None:  # of an older version: the topic is read again
                self._client.drop_collection(name)
        return [one for one in found.values() if one is not None]

    def _drop_if_expired(self, one: Slice, first: int) -> bool:
        with self._using(one) as exists:
            if exists and self._client.query(one.name, filter=f"offset >= {first}", limit=1, output_fields=["offset"]):
                return False
            self._client.drop_collection(one.name)
            with self._catalogue:
                self._open.pop(one, None)
                self._unsynced.discard(one)
                self._locks.pop(one)
        self._slices.remove(one)
        return True

    @contextmanager
    def _using(self, one: Slice, columns: int | None = None) -> Iterator[bool]:
        """Hold a slice, and yield whether it exists; with `columns` it is created if it does not.

        Raises
        ------
        OSError
            The machine failed, a full disk for example, now or in an earlier call. A write that failed leaves a torn
            record in the engine's log: at the next start it would end its reading there, and lose all that was written
            after it. So nothing more is written until the worker has started again.
        """
        with self._lock_of(one), self._failing():
            yield self._load(one, columns)
        self._close_longest_unused()

    @contextmanager
    def _failing(self) -> Iterator[None]:
        if self._failure is not None:
            raise self._failure
        try:
            yield
        except OSError as error:
            self._failure = error
            raise
        except MilvusException as error:
            if (found := _ERRNO.search(str(error))) is None:
                raise
            self._failure = OSError(int(found[1]), f"the archive failed: {error.message}")
            raise self._failure from error

    def _lock_of(self, one: Slice) -> threading.Lock:
        with self._catalogue:
            return self._locks.setdefault(one, threading.Lock())

    def _load(self, one: Slice, columns: int | None) -> bool:
        with self._catalogue:
            if one in self._open:
                self._open.move_to_end(one)
                return True
        if not self._client.has_collection(one.name):
            if columns is None:
                return False
            _create(self._client, one.name, columns)
        self._client.load_collection(one.name)
        with self._catalogue:
            self._open[one] = None
        return True

    def _close_longest_unused(self) -> None:
        with self._catalogue:
            unused = next(iter(self._open)) if len(self._open) > _MAX_OPEN else None
        if unused is not None:
            self._close(unused)

    def _close(self, one: Slice) -> None:
        """Write a slice's log out as a file, and free its memory and its thread, which the client cannot."""
        with self._lock_of(one), self._failing():
            with self._catalogue:
                self._open.pop(one, None)
            _, engine, _ = embedded_servers._servers[str(self.folder.absolute())]  # noqa: SLF001 - nothing public
            collection = engine._collections.get(("default", one.name))  # noqa: SLF001
            if collection is not None:
                collection.close()
                engine._collections.pop(("default", one.name))  # noqa: SLF001
                self._sync(one)

    def _sync(self, one: Slice) -> None:
        for file in (self.folder / "collections" / one.name).rglob("*"):
            _sync(file)

    def _by_vector(self, name: str, reference: Reference, floor: float) -> set[Hit]:
        vectors, limit = list(unpack(reference.vectors)), _FIRST_LIMIT
        found: set[Hit] = set()
        while vectors:
            # A range search would make the embedded engine create a Python object for every vector it holds.
            results = self._client.search(name, data=vectors, limit=limit, output_fields=["part", "offset"])
            near = [[hit["entity"] for hit in hits if hit["distance"] >= floor] for hits in results]
            found |= {Hit(entity["part"], entity["offset"]) for entities in near for entity in entities}
            if limit == _MAX_LIMIT:
                break
            # A vector whose hits above the floor fill the limit may have more.
            vectors = [vector for vector, hits in zip(vectors, near, strict=True) if len(hits) == limit]
            limit = min(8 * limit, _MAX_LIMIT)
        return found

    def _by_digest(self, name: str, reference: Reference) -> set[Hit]:
        if not reference.digests:
            return set()
        wanted = ", ".join(f'"{bare(digest).hex()}"' for digest in reference.digests)
        condition = f"ARRAY_CONTAINS_ANY(digests, [{wanted}])"
        iterator = self._client.query_iterator(name, filter=condition, output_fields=["part", "offset"])
        found: set[Hit] = set()
        try:
            while rows := iterator.next():
                found |= {Hit(row["part"], row["offset"]) for row in rows}
        finally:
            iterator.close()
        return found


def _create(client: MilvusClient, name: str, columns: int) -> None:
    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("key", DataType.VARCHAR, is_primary=True, max_length=64)
    schema.add_field("part", DataType.INT64)
    schema.add_field("offset", DataType.INT64)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=columns)
    schema.add_field("digests", DataType.ARRAY, element_type=DataType.VARCHAR, max_capacity=_MAX_DIGESTS, max_length=32)
    index = MilvusClient.prepare_index_params()
    # Exact for now: an approximate index needs a measurement on a large archive first.
    index.add_index("vector", index_type="FLAT", metric_type="IP")
    client.create_collection(name, schema=schema, index_params=index)


def _space(described: Descriptors | Reference) -> str:
    # The name includes the width: one foreign record of another width must not stop the archive.
    name = f"{described.modality}_{described.model}_{described.version}_{described.vectors.columns}"
    return "".join(letter if letter.isalnum() else "_" for letter in name)


def _rows(hit: Hit, descriptors: Descriptors) -> Iterable[dict[str, Any]]:
    vectors = unpack(descriptors.vectors)
    digests = [digest.hex() for digest in descriptors.digests]
    # The subtitles of a film have more digests than one row holds. A zero vector resembles nothing.
    parts = [digests[start : start + _MAX_DIGESTS] for start in range(0, len(digests), _MAX_DIGESTS)]
    zero = np.zeros(descriptors.vectors.columns, np.float32)
    for row, (vector, part) in enumerate(zip_longest(vectors, parts)):
        yield {
            "key": f"{hit.partition}-{hit.offset}-{row}",
            "part": hit.partition,
            "offset": hit.offset,
            "vector": zero if vector is None else vector,
            "digests": part or [],
        }


def _sync(file: Path) -> None:
    """Wait until a file or folder is on the disk; one that the engine has replaced meanwhile needs no wait."""
    try:
        descriptor = os.open(file, os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
