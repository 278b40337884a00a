"""The bytes of a platform's record to a document: JSON, or Avro with its schema in a file or a registry."""

import io
import json
import struct
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import fastavro
import msgspec

from schemas.avro import Parsed
from schemas.registry import SchemaRegistry, UnknownSchemaError
from streams.errors import UsageError
from streams.feeds.entry import EntryError
from streams.feeds.kafka_topic.mapping import Source

type Read = Callable[[bytes], Any]
"""Raises `EntryError` for bytes it cannot read."""

_FRAME = struct.Struct(">bI")
"""Confluent's: a zero, the schema's id."""


@contextmanager
def reading(source: Source) -> Iterator[Read]:
    """Give what reads this source's values.

    Raises
    ------
    UsageError
        The schema cannot be read.
    """
    if source.schema_file is not None:
        yield _by_file(Path(source.schema_file))
    elif source.schema_registry_url is not None:
        with closing(SchemaRegistry(source.schema_registry_url)) as registry:
            yield _by_registry(registry)
    else:
        yield _json


def _json(value: bytes) -> Any:  # noqa: ANN401 - JSON
    try:
        return msgspec.json.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise EntryError(f"no JSON: {error}") from error


def _by_file(file: Path) -> Read:
    try:
        schema = fastavro.parse_schema(json.loads(file.read_text("utf-8")))
    except (OSError, ValueError, fastavro.schema.SchemaParseException, fastavro.schema.UnknownType) as error:
        raise UsageError(f"{file}: no Avro schema: {error}") from error
    return lambda value: _avro(schema, value, 0)


def _by_registry(registry: SchemaRegistry) -> Read:
    def read(value: bytes) -> Any:  # noqa: ANN401 - Avro
        if len(value) < _FRAME.size or value[0]:
            raise EntryError("not in Confluent's framing of Avro")
        _, schema_id = _FRAME.unpack_from(value)
        try:
            schema = registry.schema(schema_id)
        except UnknownSchemaError as error:
            raise EntryError(str(error)) from error
        return _avro(schema, value, _FRAME.size)

    return read


def _avro(schema: Parsed, value: bytes, start: int) -> Any:  # noqa: ANN401 - Avro
    body = io.BytesIO(value)
    body.seek(start)
    try:
        document = fastavro.schemaless_reader(body, schema, None)
    except (EOFError, ValueError, IndexError, OverflowError, RecursionError) as error:
        raise EntryError(f"not of this Avro schema: {error}") from error
    if body.tell() != len(value):
        raise EntryError(f"{len(value) - body.tell()} bytes follow the Avro record")
    return document
