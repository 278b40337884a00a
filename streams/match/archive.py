"""The vectors of posts already seen, so that a new case finds old posts.

The archive holds vectors and where they came from; the descriptors themselves stay in their topic and are read from
there. It is Milvus Lite in a folder, one per worker; its client also speaks to a Milvus cluster: the way to grow.
"""

import logging
import threading
from collections.abc import Collection, Iterable
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from milvus_lite.server_manager import server_manager_instance as embedded_servers
from pymilvus import DataType, MilvusClient, MilvusException

from models.text.terms import bare
from schemas.matrix import unpack
from schemas.messages import Descriptors, Reference
from streams.errors import UsageError

_FIRST_HITS, _MOST_HITS = 32, 16_384
_MOST_DIGESTS = 4_096
_PROGRESS = "progress"
"""Collection of what was kept and searched; Milvus wants a vector in each, so it has an empty one."""
_NO_COLUMNS = 2
_END = "@end"

for _chatty in ("pymilvus", "milvus_lite", "grpc._server"):
    # They log what they also raise, with tracebacks, and that the embedded engine has no clock of its own.
    logging.getLogger(_chatty).setLevel(logging.CRITICAL)


class Hit(NamedTuple):
    """Where a found descriptor lies in the descriptors topic."""

    partition: int
    offset: int


class Archive(Protocol):
    """What match needs of an archive; every call may block and may come from any thread."""

    def add(self, hit: Hit, descriptors: Descriptors) -> None:
        """Keep the vectors; once it returns a search finds them. Adding the same again changes nothing."""

    def end(self, partition: int) -> int:
        """Return the offset below which everything of this partition is kept, 0 if nobody said so yet."""

    def mark_end(self, partition: int, offset: int) -> None:
        """Remember that everything of this partition below the offset is kept; it never goes back."""

    def search(self, reference: Reference, partitions: Collection[int], floor: float) -> set[Hit]:
        """Return what may match: a cosine of at least `floor`, or a shared digest."""

    def searched(self, partition: int) -> set[str]:
        """Return the tokens of the reference pieces already searched for in this partition."""

    def mark_searched(self, partition: int, token: str) -> None:
        """Remember that this piece was searched for and its scores delivered."""

    def forget_searched(self, partition: int, tokens: Collection[str]) -> None:
        """Forget these tokens: their pieces are gone."""

    def close(self) -> None:
        """Release the files."""


class MilvusArchive:
    """An archive in Milvus; one collection per model, one more for what was searched.

    Parameters
    ----------
    where
        Folder for the embedded engine; one worker at a time.

    Raises
    ------
    UsageError
        The folder cannot be used, or another worker uses it.
    """

    def __init__(self, where: Path | str) -> None:
        try:
            self._uri = _file(Path(where))
            self._client = MilvusClient(self._uri)
        except (OSError, MilvusException) as error:
            raise UsageError(f"archive {where} cannot be opened, is another worker using it?") from error
        self._lock = threading.Lock()  # the embedded engine takes one caller at a time
        self._loaded: set[str] = set()

    def add(self, hit: Hit, descriptors: Descriptors) -> None:
        """Keep the vectors of one segment."""
        rows = list(_rows(hit, descriptors))
        if not rows:
            return
        name = _collection(descriptors)
        with self._lock:
            self._open(name, descriptors.vectors.columns)
            self._client.upsert(name, rows)

    def end(self, partition: int) -> int:
        """Return the offset below which everything is kept."""
        with self._lock:
            self._open(_PROGRESS, _NO_COLUMNS)
            rows = self._client.get(_PROGRESS, ids=[f"{partition}/{_END}"], output_fields=["offset"])
        return int(rows[0]["offset"]) if rows else 0

    def mark_end(self, partition: int, offset: int) -> None:
        """Remember that everything below the offset is kept."""
        if offset > self.end(partition):
            with self._lock:
                self._note(partition, _END, offset)

    def search(self, reference: Reference, partitions: Collection[int], floor: float) -> set[Hit]:
        """Return the segments that may match this piece."""
        name = _collection(reference)
        where = f"part in {sorted(partitions)}"
        with self._lock:
            if not partitions or not self._client.has_collection(name):
                return set()
            self._open(name, reference.vectors.columns)
            found = self._by_vector(name, reference, where, floor)
            return found | self._by_digest(name, reference, where)

    def searched(self, partition: int) -> set[str]:
        """Return the tokens already searched for."""
        with self._lock:
            self._open(_PROGRESS, _NO_COLUMNS)
            rows = self._all(_PROGRESS, f"part == {partition}", "key")
            return {row["key"].split("/", 1)[1] for row in rows} - {_END}

    def mark_searched(self, partition: int, token: str) -> None:
        """Remember a search."""
        with self._lock:
            self._note(partition, token, 0)

    def forget_searched(self, partition: int, tokens: Collection[str]) -> None:
        """Forget these tokens."""
        with self._lock:
            self._open(_PROGRESS, _NO_COLUMNS)
            self._client.delete(_PROGRESS, ids=[f"{partition}/{token}" for token in tokens])

    def close(self) -> None:
        """Release the files."""
        self._client.close()
        # The client leaves the embedded engine, its threads and its lock on the folder to the end of the process.
        embedded_servers.release_server(self._uri)

    def _by_vector(self, name: str, reference: Reference, where: str, floor: float) -> set[Hit]:
        vectors, limit = list(unpack(reference.vectors)), _FIRST_HITS
        found: set[Hit] = set()
        while vectors:
            # Asked for all above a floor, the embedded engine makes a Python object of every vector it has.
            results = self._client.search(
                name, data=vectors, filter=where, limit=limit, output_fields=["part", "offset"]
            )
            near = [[hit["entity"] for hit in hits if hit["distance"] >= floor] for hits in results]
            found |= {Hit(entity["part"], entity["offset"]) for entities in near for entity in entities}
            if limit == _MOST_HITS:
                break
            # Those with as many near ones as were asked for may have more.
            vectors = [vector for vector, hits in zip(vectors, near, strict=True) if len(hits) == limit]
            limit = min(8 * limit, _MOST_HITS)
        return found

    def _by_digest(self, name: str, reference: Reference, where: str) -> set[Hit]:
        if not reference.digests:
            return set()
        wanted = ", ".join(f'"{bare(digest).hex()}"' for digest in reference.digests)
        rows = self._all(name, f"{where} and ARRAY_CONTAINS_ANY(digests, [{wanted}])", "part", "offset")
        return {Hit(row["part"], row["offset"]) for row in rows}

    def _all(self, name: str, where: str, *fields: str) -> Iterable[dict[str, Any]]:
        iterator = self._client.query_iterator(name, filter=where, output_fields=list(fields or ("offset",)))
        try:
            while rows := iterator.next():
                yield from rows
        finally:
            iterator.close()

    def _note(self, partition: int, name: str, offset: int) -> None:
        self._open(_PROGRESS, _NO_COLUMNS)
        row = {"key": f"{partition}/{name}", "part": partition, "offset": offset}
        self._client.upsert(_PROGRESS, [row | {"vector": [0.0] * _NO_COLUMNS, "digests": []}])

    def _open(self, name: str, columns: int) -> None:
        if name not in self._loaded and not self._client.has_collection(name):
            self._create(name, columns)
        self._load(name)

    def _load(self, name: str) -> None:
        if name not in self._loaded:
            self._client.load_collection(name)
            self._loaded.add(name)

    def _create(self, name: str, columns: int) -> None:
        schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("key", DataType.VARCHAR, is_primary=True, max_length=64)
        schema.add_field("part", DataType.INT64)
        schema.add_field("offset", DataType.INT64)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=columns)
        schema.add_field(
            "digests", DataType.ARRAY, element_type=DataType.VARCHAR, max_capacity=_MOST_DIGESTS, max_length=32
        )
        index = MilvusClient.prepare_index_params()
        # Exact for now: an approximate index is a choice to measure on a large archive.
        index.add_index("vector", index_type="FLAT", metric_type="IP")
        self._client.create_collection(name, schema=schema, index_params=index)


def _file(folder: Path) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    return str(folder / "archive.db")


def _collection(described: Descriptors | Reference) -> str:
    # By width too: one foreign record of another width must not stop the archive.
    name = f"{described.modality}_{described.model}_{described.version}_{described.vectors.columns}"
    return "".join(letter if letter.isalnum() else "_" for letter in name)


def _rows(hit: Hit, descriptors: Descriptors) -> Iterable[dict[str, Any]]:
    vectors = unpack(descriptors.vectors)
    digests = [digest.hex() for digest in descriptors.digests]
    # As many digests a row as it holds: subtitles of a film have more. A zero vector is like nothing.
    parts = [digests[start : start + _MOST_DIGESTS] for start in range(0, len(digests), _MOST_DIGESTS)]
    nothing = np.zeros(descriptors.vectors.columns, np.float32)
    for row, (vector, part) in enumerate(zip_longest(vectors, parts)):
        yield {
            "key": f"{hit.partition}-{hit.offset}-{row}",
            "part": hit.partition,
            "offset": hit.offset,
            "vector": nothing if vector is None else vector,
            "digests": part or [],
        }
