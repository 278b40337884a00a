"""Document in the value of a platform's record: JSON, or Avro with its schema in a file or a registry."""

import io
import json
import struct
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import fastavro

from schemas.avro import Parsed
from schemas.registry import SchemaRegistry, UnknownSchemaError
from streams.errors import UsageError
from streams.feeds.entry_error import EntryError
from streams.feeds.json_text import read_json
from streams.feeds.kafka_topic.mapping import Source
from streams.feeds.kafka_topic.source import named_secret
from streams.feeds.notes import Notes

type Decode = Callable[[bytes, Notes], Any]
"""Raises `EntryError` for malformed bytes; notes get a line if they had to be repaired."""

_HEADER = struct.Struct(">bI")
"""Confluent's framing: a zero, the schema's id."""


@contextmanager
def value_decoder(source: Source) -> Iterator[Decode]:
    """Open the decoder of a source's values.

    Raises
    ------
    UsageError
        The schema, or the secret for its registry, cannot be read.
    """
    if source.schema_file is not None:
        yield _schema_file_decoder(Path(source.schema_file))
    elif source.schema_registry_url is not None:
        auth = named_secret(source.schema_registry_auth_env)
        with closing(SchemaRegistry(source.schema_registry_url, auth=auth)) as registry:
            yield _registry_decoder(registry)
    else:
        yield read_json


def _schema_file_decoder(file: Path) -> Decode:
    try:
        schema = fastavro.parse_schema(json.loads(file.read_text("utf-8")))
    except (OSError, ValueError, fastavro.schema.SchemaParseException, fastavro.schema.UnknownType) as error:
        raise UsageError(f"{file}: not an Avro schema: {error}") from error
    return lambda value, _: _decode_avro(schema, value, 0)


def _registry_decoder(registry: SchemaRegistry) -> Decode:
    def decode(value: bytes, _: Notes) -> Any:  # noqa: ANN401 - Avro
        if len(value) < _HEADER.size or value[0]:
            raise EntryError("not in Confluent's framing of Avro")
        _, schema_id = _HEADER.unpack_from(value)
        try:
            schema = registry.schema(schema_id)
        except UnknownSchemaError as error:
            raise EntryError(str(error)) from error
        return _decode_avro(schema, value, _HEADER.size)

    return decode


def _decode_avro(schema: Parsed, value: bytes, start: int) -> Any:  # noqa: ANN401 - Avro
    body = io.BytesIO(value)
    body.seek(start)
    try:
        document = fastavro.schemaless_reader(body, schema, None)
    except (EOFError, ValueError, IndexError, OverflowError, RecursionError) as error:
        raise EntryError(f"does not match the Avro schema: {error}") from error
    if body.tell() != len(value):
        raise EntryError(f"{len(value) - body.tell()} bytes follow the Avro record")
    return document
