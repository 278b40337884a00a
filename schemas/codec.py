"""Messages to bytes and back, in either of the two framings of Avro over Kafka.

Without a registry a value is Avro single-object encoding: C3 01, the schema's 8-byte fingerprint, the body. With one
it is the Confluent wire format: 00, the schema's 4-byte id, the body. The reader takes both and distinguishes them by
the first byte.
"""

import io
import struct
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import fastavro
import fastavro.write
import msgspec
from fastavro.read import SchemaResolutionError

from schemas.avro import Parsed, Schema, schema
from schemas.messages import Message
from schemas.topics import TOPICS

if TYPE_CHECKING:
    from schemas.registry import SchemaRegistry

SINGLE_OBJECT = b"\xc3\x01"
CONFLUENT = b"\x00"
_FINGERPRINT_BYTES = 8
_ID = struct.Struct(">I")
_CONTINUES = 0x80
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class WireError(ValueError):
    """These bytes are not a message of this topic, and never will be.

    Parameters
    ----------
    reason
        Stable slug: wire_empty, wire_not_avro, wire_truncated, wire_trailing, wire_unknown_fingerprint,
        wire_unknown_schema_id or wire_invalid (it fits Avro, but not the message).
    detail
        One line that describes the error.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Codec:
    """Writes and reads the values of every topic; the topic determines the message type.

    Parameters
    ----------
    registry
        Registry of schema ids; None writes single-object encoding and needs no registry.
    """

    def __init__(self, registry: "SchemaRegistry | None" = None) -> None:
        self._registry = registry

    def encode(self, topic: str, message: Message) -> bytes:
        """Return the value of a record of this topic.

        Raises
        ------
        TypeError
            If the topic carries another message, or a time has no zone: a bug of the caller.
        ConnectionError
            If the registry cannot be reached.
        """
        current = _schema_of(topic)
        if type(message) is not current.message:
            raise TypeError(f"{topic} carries {current.message.__name__}, not {type(message).__name__}")
        body = io.BytesIO()
        body.write(self._frame(topic, current))
        fields = msgspec.to_builtins(message, builtin_types=(bytes, datetime))
        fastavro.schemaless_writer(body, current.parsed, fields)
        return body.getvalue()

    def decode(self, topic: str, value: bytes) -> Message:
        """Return the message in a record's value, written with any kept version of its schema.

        Raises
        ------
        WireError
            If the bytes cannot be a message of this topic.
        ConnectionError
            If the registry is needed and cannot be reached; the same bytes may be read later.
        """
        current = _schema_of(topic)
        writer, start = self._writer(current, value)
        fields = _read_body(current, writer, value, start)
        try:
            return msgspec.convert(fields, current.message)
        except msgspec.ValidationError as exc:
            raise WireError("wire_invalid", f"not a {current.name}: {exc}") from exc

    def _frame(self, topic: str, current: Schema) -> bytes:
        if self._registry is None:
            return SINGLE_OBJECT + current.fingerprint
        return CONFLUENT + _ID.pack(self._registry.id_of(topic, current.text))

    def _writer(self, current: Schema, value: bytes) -> tuple[Parsed, int]:
        """Return the schema that wrote this value, and the offset of its body in bytes."""
        if not value:
            raise WireError("wire_empty", f"an empty value is not a {current.name}")
        if value[:1] == CONFLUENT:
            return self._registered(current, value), 1 + _ID.size
        if value[:2] == SINGLE_OBJECT:
            return _fingerprinted(current, value), len(SINGLE_OBJECT) + _FINGERPRINT_BYTES
        if value == SINGLE_OBJECT[:1]:
            raise WireError("wire_truncated", "the value ends within its frame")
        raise WireError("wire_not_avro", f"the value starts with {value[:2].hex(' ')}, not with c3 01 or 00")

    def _registered(self, current: Schema, value: bytes) -> Parsed:
        if len(value) < 1 + _ID.size:
            raise WireError("wire_truncated", "the value ends within its schema id")
        (schema_id,) = _ID.unpack_from(value, 1)
        if self._registry is None:
            raise WireError("wire_unknown_schema_id", f"schema id {schema_id}, and no schema registry is set")
        from schemas.registry import UnknownSchemaError  # noqa: PLC0415 - slow to import, and rarely needed

        try:
            return self._registry.schema(schema_id)
        except UnknownSchemaError as exc:
            raise WireError("wire_unknown_schema_id", f"no {current.name}: {exc}") from exc


@cache
def _schema_of(topic: str) -> Schema:
    name = TOPICS[topic].schema
    if name is None:
        raise LookupError(f"{topic} carries no messages")
    return schema(name)


def _fingerprinted(current: Schema, value: bytes) -> Parsed:
    mark = value[len(SINGLE_OBJECT) : len(SINGLE_OBJECT) + _FINGERPRINT_BYTES]
    if len(mark) < _FINGERPRINT_BYTES:
        raise WireError("wire_truncated", "the value ends within its fingerprint")
    if mark not in current.writers:
        raise WireError("wire_unknown_fingerprint", f"{mark.hex()} is not a version of {current.name}")
    return current.writers[mark]


def _read_body(current: Schema, writer: Parsed, value: bytes, start: int) -> Any:  # noqa: ANN401  # untyped Avro data
    body = io.BytesIO(value)
    body.seek(start)
    reader = None if writer is current.parsed else current.parsed
    try:
        fields = fastavro.schemaless_reader(body, writer, reader)
    except EOFError as exc:
        raise WireError("wire_truncated", f"the value ends within its {current.name}") from exc
    except SchemaResolutionError as exc:
        raise WireError("wire_unknown_schema_id", f"its schema cannot be read as {current.name}") from exc
    except OverflowError as exc:
        raise WireError("wire_invalid", f"a time is out of range: {exc}") from exc
    except (ValueError, IndexError) as exc:
        # text that is not UTF-8, a branch or symbol that does not exist, or a number cut off
        cut_number = body.tell() == len(value) and value[-1] & _CONTINUES
        reason = "wire_truncated" if isinstance(exc, IndexError) and cut_number else "wire_not_avro"
        raise WireError(reason, f"the body is not a {current.name}: {exc}") from exc
    if trailing_bytes := len(value) - body.tell():
        raise WireError("wire_trailing", f"{trailing_bytes} bytes follow the {current.name}")
    return fields


def _utc_micros(at: datetime | int, _schema: object) -> int:
    """Return microseconds since the epoch; fastavro itself would silently treat a time without a zone as local."""
    if isinstance(at, int):
        return at
    if at.tzinfo is None:
        raise TypeError(f"{at.isoformat()} has no time zone")
    elapsed = at - _EPOCH
    return (elapsed.days * 86_400 + elapsed.seconds) * 1_000_000 + elapsed.microseconds


fastavro.write.LOGICAL_WRITERS["long-timestamp-micros"] = _utc_micros
