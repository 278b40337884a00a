"""Bytes that the hash of an event is over, also of events that earlier versions wrote."""

import json
from hashlib import sha256
from typing import Any

import msgspec

from schemas.avro import history
from schemas.messages import Takedown
from streams.takedown.life import UNHASHED, canonical


def is_hashed(event: Takedown) -> bool:
    """Return whether an event has the hash of its content."""
    return by_today(event) is not None or by_earlier_schemas(event) is not None


def by_today(event: Takedown) -> bytes | None:
    """Return the event's canonical JSON, None if its SHA-256 is not the event's hash."""
    body = canonical(event)
    return body if sha256(body).digest() == event.hash else None


def by_earlier_schemas(event: Takedown) -> bytes | None:
    """Return the JSON that earlier versions hashed: the fields of their schema, with the thumbnails.

    A schema without a field that the event sets is none of them: the hash would not cover that field.
    """
    unhashed = msgspec.structs.replace(event, **UNHASHED)
    fields = msgspec.to_builtins(unhashed)
    for text in reversed(history("takedown")):
        body = msgspec.json.encode(_restricted(fields, json.loads(text), {}), order="sorted")
        if sha256(body).digest() == event.hash and msgspec.json.decode(body, type=Takedown) == unhashed:
            return body
    return None


def _restricted(value: Any, kind: Any, named: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON under any Avro type
    """Return a value with the fields that an Avro type has."""
    if isinstance(kind, str):
        kind = named.get(kind.rpartition(".")[2], kind)
    if isinstance(kind, list):
        (kind,) = [branch for branch in kind if branch != "null"]
        return None if value is None else _restricted(value, kind, named)
    if not isinstance(kind, dict):
        return value
    if "name" in kind:
        named[kind["name"]] = kind
    if kind["type"] == "array":
        return [_restricted(item, kind["items"], named) for item in value]
    if kind["type"] != "record":
        return value
    return {field["name"]: _restricted(value[field["name"]], field["type"], named) for field in kind["fields"]}
