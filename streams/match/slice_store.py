"""Slices in Milvus Lite: each a collection with a lock of its own, of which only so many are open at once."""

import logging
import os
import re
import shutil
import threading
from collections import OrderedDict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from milvus_lite.search.assembler import assemble_candidates
from milvus_lite.server_manager import server_manager_instance as embedded_servers
from milvus_lite.storage.memtable import MemTable
from pymilvus import DataType, MilvusClient, MilvusException

from streams.errors import WorkerError, disk_error
from streams.match.slices import Slice

MAX_DIGESTS = 4_096
"""Digests in one row."""
_MAX_OPEN = 64
"""Slices open at once, about 20 MB each: above that the one used longest ago is closed, and read again when needed."""
_ERRNO = re.compile(r"\[errno (\d+)\]", re.IGNORECASE)
"""How Python and Arrow write the number of an operating system's error, all that the engine passes on of it."""

for _logger in ("pymilvus", "milvus_lite", "grpc._server"):
    # They log, with tracebacks, what they also raise, and that the embedded engine has no clock of its own.
    logging.getLogger(_logger).setLevel(logging.CRITICAL)


class SliceStore:
    """Collections of the slices; safe to call from any thread.

    Parameters
    ----------
    folder
        Folder of the embedded engine; one worker at a time.

    Raises
    ------
    MilvusException
        The folder cannot be used, or another worker uses it.
    """

    def __init__(self, folder: Path) -> None:
        self.client = MilvusClient(str(folder))
        self._folder = folder
        self._failure: WorkerError | None = None
        self._catalogue = threading.Lock()
        self._locks: dict[Slice, threading.Lock] = {}
        self._open: OrderedDict[Slice, None] = OrderedDict()
        self._unsynced: set[Slice] = set()

    def existing(self) -> list[Slice]:
        """Return the slices; another collection is of an older version and dropped, so the topic is read again."""
        found = {name: Slice.of(name) for name in self.client.list_collections()}
        self._delete_unfinished(found)
        for name, one in found.items():
            if one is None:
                self.client.drop_collection(name)
        return [one for one in found.values() if one is not None]

    def _delete_unfinished(self, existing: Collection[str]) -> None:
        """Delete what a kill or a full disk left of a creation or a drop: the engine would never create it again."""
        for folder in (self._folder / "collections").iterdir():
            if folder.name not in existing:
                shutil.rmtree(folder)

    @contextmanager
    def using(self, one: Slice, columns: int | None = None) -> Iterator[bool]:
        """Hold a slice, and yield whether it exists; with `columns` it is created if it does not.

        Raises
        ------
        WorkerError
            The disk failed, is full for example, now or in an earlier call. A write that failed leaves a torn
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
        except (OSError, MilvusException) as error:
            if (failure := _disk_error(error)) is None:
                raise
            self._failure = disk_error("the archive failed", failure)
            raise self._failure from failure

    def count(self, one: Slice) -> int:
        """Return a slice's number of rows."""
        with self.using(one) as exists:
            return int(self.client.get_collection_stats(one.name)["row_count"]) if exists else 0

    def rows(self, one: Slice) -> tuple[list[str], npt.NDArray[np.float32]]:
        """Return keys and vectors, shape (n, columns), of a slice's rows; to be called while it is held.

        A search by the client would make a Python object of every hit, of which a few minutes of reference have many.
        """
        collection = self._collections["default", one.name]
        segments, _ = collection._read_snapshot()  # noqa: SLF001 - nothing public
        keys, _, vectors, _, _ = assemble_candidates(segments, collection._memtable, "vector")  # noqa: SLF001 - likewise
        return keys, vectors

    def drop(self, one: Slice) -> None:
        """Delete a slice with its files; to be called while it is held."""
        if (collection := self._collections.get(("default", one.name))) is not None:
            # The engine would write the rows out as a file, with an index, and then delete it.
            collection._memtable = MemTable(collection._schema)  # noqa: SLF001 - nothing public
        self.client.drop_collection(one.name)
        with self._catalogue:
            self._open.pop(one, None)
            self._unsynced.discard(one)
            self._locks.pop(one)

    def added(self, one: Slice) -> None:
        """Note that rows were added, for the next `sync`."""
        with self._catalogue:
            self._unsynced.add(one)

    def sync(self) -> None:
        """Return when everything added before is on the disk, which the engine does not wait for."""
        with self._catalogue:
            unsynced, self._unsynced = self._unsynced, set()
        for one in unsynced:
            self._sync(one)

    def close(self) -> None:
        """Release the files."""
        self.client.close()
        # The client would keep the embedded engine, its threads and its lock on the folder until the process ends.
        embedded_servers.release_server(str(self._folder))

    def _lock_of(self, one: Slice) -> threading.Lock:
        with self._catalogue:
            return self._locks.setdefault(one, threading.Lock())

    def _load(self, one: Slice, columns: int | None) -> bool:
        with self._catalogue:
            if one in self._open:
                self._open.move_to_end(one)
                return True
        if not self.client.has_collection(one.name):
            if columns is None:
                return False
            _create(self.client, one.name, columns)
        self.client.load_collection(one.name)
        with self._catalogue:
            self._open[one] = None
        return True

    def _close_longest_unused(self) -> None:
        with self._catalogue:
            unused = next(iter(self._open)) if len(self._open) > _MAX_OPEN else None
        if unused is not None:
            self.close_slice(unused)

    def close_slice(self, one: Slice) -> None:
        """Write a slice's log out as a file, and free its memory and its thread, which the client cannot."""
        with self._lock_of(one), self._failing():
            with self._catalogue:
                self._open.pop(one, None)
            collection = self._collections.pop(("default", one.name), None)
            if collection is not None:
                collection.close()
                self._sync(one)

    @property
    def _collections(self) -> dict[tuple[str, str], Any]:
        _, engine, _ = embedded_servers._servers[str(self._folder.absolute())]  # noqa: SLF001 - nothing public
        found: dict[tuple[str, str], Any] = engine._collections  # noqa: SLF001
        return found

    def _sync(self, one: Slice) -> None:
        for file in (self._folder / "collections" / one.name).rglob("*"):
            _sync(file)


def _disk_error(error: OSError | MilvusException) -> OSError | None:
    if isinstance(error, OSError):
        return error
    number = _ERRNO.search(str(error))
    return None if number is None else OSError(int(number[1]), error.message)


def _create(client: MilvusClient, name: str, columns: int) -> None:
    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("key", DataType.VARCHAR, is_primary=True, max_length=64)
    schema.add_field("part", DataType.INT64)
    schema.add_field("offset", DataType.INT64)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=columns)
    schema.add_field("digests", DataType.ARRAY, element_type=DataType.VARCHAR, max_capacity=MAX_DIGESTS, max_length=32)
    index = MilvusClient.prepare_index_params()
    # Exact for now: an approximate index needs a measurement on a large archive first.
    index.add_index("vector", index_type="FLAT", metric_type="IP")
    client.create_collection(name, schema=schema)
    client.create_index(name, index, sync=False)  # of no rows; the client would sleep before it asks whether it is done
    client.load_collection(name)


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
