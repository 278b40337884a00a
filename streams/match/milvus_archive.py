"""Archive in Milvus: Milvus Lite in a folder, one per worker.

The client also supports a Milvus cluster: the way to grow.
"""

import logging
import re
import threading
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

_FIRST_LIMIT, _MAX_LIMIT = 32, 16_384
_MAX_DIGESTS = 4_096
_PROGRESS = "progress"
"""Collection of archived ends and searched tokens; Milvus requires a vector field, so it has one of zeros."""
_ERRNO = re.compile(r"\[errno (\d+)\]", re.IGNORECASE)
"""How Python and Arrow write the number of an operating system's error, all that the engine passes on of it."""
_NO_COLUMNS = 2
_END = "@end"

for _logger in ("pymilvus", "milvus_lite", "grpc._server"):
    # They log, with tracebacks, what they also raise, and that the embedded engine has no clock of its own.
    logging.getLogger(_logger).setLevel(logging.CRITICAL)


class MilvusArchive:
    """Archive in Milvus: one collection per model, one more for progress.

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
            self._uri = str(Path(folder) / "archive.db")
            self._client = MilvusClient(self._uri)
        except (OSError, MilvusException) as error:
            remedy = "is another worker using it, or is its disk full?"
            raise UsageError(f"archive {folder} cannot be opened, {remedy}") from error
        self._lock = threading.Lock()  # the embedded engine takes one caller at a time
        self._failure: OSError | None = None
        self._loaded: set[str] = set()

    def add(self, hit: Hit, descriptors: Descriptors) -> None:
        """Store the vectors of one segment."""
        rows = list(_rows(hit, descriptors))
        if not rows:
            return
        name = _collection(descriptors)
        with self._engine():
            self._open(name, descriptors.vectors.columns)
            self._client.upsert(name, rows)

    def end(self, partition: int) -> int:
        """Return the offset below which the partition is archived in full."""
        with self._engine():
            self._open(_PROGRESS, _NO_COLUMNS)
            rows = self._client.get(_PROGRESS, ids=[f"{partition}/{_END}"], output_fields=["offset"])
        return int(rows[0]["offset"]) if rows else 0

    def mark_end(self, partition: int, offset: int) -> None:
        """Store the offset below which the partition is archived in full."""
        if offset > self.end(partition):
            with self._engine():
                self._put_progress(partition, _END, offset)

    def search(self, reference: Reference, partitions: Collection[int], floor: float) -> set[Hit]:
        """Return the segments that may match this piece."""
        name = _collection(reference)
        condition = f"part in {sorted(partitions)}"
        with self._engine():
            if not partitions or not self._client.has_collection(name):
                return set()
            self._open(name, reference.vectors.columns)
            found = self._by_vector(name, reference, condition, floor)
            return found | self._by_digest(name, reference, condition)

    def searched(self, partition: int) -> set[str]:
        """Return the tokens already searched."""
        with self._engine():
            self._open(_PROGRESS, _NO_COLUMNS)
            rows = self._all(_PROGRESS, f"part == {partition}", "key")
            return {row["key"].split("/", 1)[1] for row in rows} - {_END}

    def mark_searched(self, partition: int, token: str) -> None:
        """Store the token of a finished search."""
        with self._engine():
            self._put_progress(partition, token, 0)

    def remove_searched(self, partition: int, tokens: Collection[str]) -> None:
        """Remove these tokens."""
        with self._engine():
            self._open(_PROGRESS, _NO_COLUMNS)
            self._client.delete(_PROGRESS, ids=[f"{partition}/{token}" for token in tokens])

    def close(self) -> None:
        """Release the files."""
        self._client.close()
        # The client would keep the embedded engine, its threads and its lock on the folder until the process ends.
        embedded_servers.release_server(self._uri)

    @contextmanager
    def _engine(self) -> Iterator[None]:
        """Hold the engine for one call.

        Raises
        ------
        OSError
            The machine failed, a full disk for example, now or in an earlier call. A write that failed leaves a torn
            record in the engine's log: at the next start it would end its reading there, and lose all that was written
            after it. So nothing more is written until the worker has started again.
        """
        with self._lock:
            if self._failure is not None:
                raise self._failure
            try:
                yield
            except MilvusException as error:
                if (found := _ERRNO.search(str(error))) is None:
                    raise
                self._failure = OSError(int(found[1]), f"the archive failed: {error.message}")
                raise self._failure from error

    def _by_vector(self, name: str, reference: Reference, condition: str, floor: float) -> set[Hit]:
        vectors, limit = list(unpack(reference.vectors)), _FIRST_LIMIT
        found: set[Hit] = set()
        while vectors:
            # A range search would make the embedded engine create a Python object for every vector it holds.
            results = self._client.search(
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
        rows = self._all(name, f"{condition} and ARRAY_CONTAINS_ANY(digests, [{wanted}])", "part", "offset")
        return {Hit(row["part"], row["offset"]) for row in rows}

    def _all(self, name: str, condition: str, *fields: str) -> Iterable[dict[str, Any]]:
        iterator = self._client.query_iterator(name, filter=condition, output_fields=list(fields))
        try:
            while rows := iterator.next():
                yield from rows
        finally:
            iterator.close()

    def _put_progress(self, partition: int, name: str, offset: int) -> None:
        self._open(_PROGRESS, _NO_COLUMNS)
        row = {"key": f"{partition}/{name}", "part": partition, "offset": offset}
        self._client.upsert(_PROGRESS, [row | {"vector": [0.0] * _NO_COLUMNS, "digests": []}])

    def _open(self, name: str, columns: int) -> None:
        if name in self._loaded:
            return
        if not self._client.has_collection(name):
            self._create(name, columns)
        self._client.load_collection(name)
        self._loaded.add(name)

    def _create(self, name: str, columns: int) -> None:
        schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("key", DataType.VARCHAR, is_primary=True, max_length=64)
        schema.add_field("part", DataType.INT64)
        schema.add_field("offset", DataType.INT64)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=columns)
        schema.add_field(
            "digests", DataType.ARRAY, element_type=DataType.VARCHAR, max_capacity=_MAX_DIGESTS, max_length=32
        )
        index = MilvusClient.prepare_index_params()
        # Exact for now: an approximate index needs a measurement on a large archive first.
        index.add_index("vector", index_type="FLAT", metric_type="IP")
        self._client.create_collection(name, schema=schema, index_params=index)


def _collection(described: Descriptors | Reference) -> str:
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
