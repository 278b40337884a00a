"""Every message can be read from records of all earlier versions, and the compatibility check itself is correct."""

import copy
import io
import json
from collections.abc import Callable
from typing import Any

import fastavro
import pytest
from fastavro.read import SchemaResolutionError

from schemas.avro import history, schema
from schemas.compatibility import breaking_changes
from schemas.topics import TOPICS

NAMES = sorted({topic.schema for topic in TOPICS.values() if topic.schema})

OLD: dict[str, Any] = {
    "type": "record",
    "name": "Sighting",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "count", "type": "int"},
        {"name": "score", "type": "double"},
        {"name": "author", "type": ["null", "string"], "default": None},
        {"name": "sense", "type": {"type": "enum", "name": "Sense", "symbols": ["visual", "audio"]}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "spans", "type": {"type": "array", "items": {"type": "record", "name": "Span", "fields": [
            {"name": "start_s", "type": "double"}]}}},
        {"name": "headers", "type": {"type": "map", "values": "bytes"}},
        {"name": "digest", "type": {"type": "fixed", "name": "Digest", "size": 4}},
    ],
}  # fmt: skip
RECORD = {
    "id": "a", "count": 3, "score": 0.5, "author": "b", "sense": "audio", "at": 1_700_000_000_000_000,
    "spans": [{"start_s": 1.0}], "headers": {"k": b"v"}, "digest": b"abcd",
}  # fmt: skip
OPTIONAL_END = {"name": "end_s", "type": ["null", "double"], "default": None}

type Change = Callable[[dict[str, Any]], object]


def field(name: str, sighting: dict[str, Any]) -> Any:
    return next(f for f in sighting["fields"] if f["name"] == name)


def span_fields(s: dict[str, Any]) -> list[Any]:
    fields: list[Any] = field("spans", s)["type"]["items"]["fields"]
    return fields


BREAKING: dict[str, Change] = {
    "a field without a default": lambda s: s["fields"].append({"name": "new", "type": "string"}),
    "a nested field without a default": lambda s: span_fields(s).append({"name": "end_s", "type": "double"}),
    "a field renamed without an alias": lambda s: field("id", s).update(name="post_id"),
    "int becomes string": lambda s: field("count", s).update(type="string"),
    "double becomes float": lambda s: field("score", s).update(type="float"),
    "string becomes int": lambda s: field("id", s).update(type="int"),
    "optional becomes required": lambda s: field("author", s).update(type="string", default=""),
    "a symbol is removed": lambda s: field("sense", s)["type"].update(symbols=["visual"]),
    "a symbol is renamed": lambda s: field("sense", s)["type"].update(symbols=["visual", "sound"]),
    "another unit of time": lambda s: field("at", s)["type"].update(logicalType="timestamp-millis"),
    "no longer a time": lambda s: field("at", s).update(type="long"),
    "array becomes map": lambda s: field("spans", s).update(type={"type": "map", "values": "double"}),
    "other items": lambda s: field("spans", s).update(type={"type": "array", "items": "double"}),
    "other map values": lambda s: field("headers", s)["type"].update(values="int"),
    "another size": lambda s: field("digest", s)["type"].update(size=8),
    "a record renamed": lambda s: field("spans", s)["type"]["items"].update(name="Interval"),
    "a union without the old branch": lambda s: field("id", s).update(type=["null", "int"]),
}
HARMLESS: dict[str, Change] = {
    "nothing": lambda _: None,
    "a field with a default": lambda s: s["fields"].append({"name": "new", "type": "string", "default": ""}),
    "an optional nested field": lambda s: span_fields(s).append(OPTIONAL_END),
    "a field less": lambda s: s["fields"].remove(field("headers", s)),
    "other order": lambda s: s["fields"].reverse(),
    "a field renamed with an alias": lambda s: field("id", s).update(name="post_id", aliases=["id"]),
    "required becomes optional": lambda s: field("id", s).update(type=["null", "string"]),
    "int becomes long": lambda s: field("count", s).update(type="long"),
    "int becomes double": lambda s: field("count", s).update(type="double"),
    "one more branch": lambda s: field("author", s).update(type=["null", "string", "int"]),
    "one more symbol": lambda s: field("sense", s)["type"].update(symbols=["visual", "audio", "text"]),
    "a symbol less, with a default": lambda s: field("sense", s)["type"].update(symbols=["visual"], default="visual"),
    "another doc": lambda s: s.update(doc="Another text."),
}


def changed(change: Change) -> dict[str, Any]:
    new = copy.deepcopy(OLD)
    change(new)
    return new


def read_as(new: dict[str, Any]) -> list[Any]:
    """Write with OLD and read with the new schema."""
    writer, reader = fastavro.parse_schema(copy.deepcopy(OLD)), fastavro.parse_schema(copy.deepcopy(new))
    read = []
    for record in (RECORD, RECORD | {"author": None}):
        body = io.BytesIO()
        fastavro.schemaless_writer(body, writer, record)
        read.append(fastavro.schemaless_reader(io.BytesIO(body.getvalue()), writer, reader))
    return read


@pytest.mark.parametrize("name", NAMES)
def test_a_message_reads_all_earlier_versions(name: str) -> None:
    current = json.loads(schema(name).text)
    assert [change for old in history(name) for change in breaking_changes(json.loads(old), current)] == []


@pytest.mark.parametrize("name", NAMES)
def test_the_current_version_is_kept_in_the_history(name: str) -> None:
    assert history(name)[-1] == schema(name).text, f"{name}.avsc changed: run `make schemas` and commit the new file"


@pytest.mark.parametrize("change", BREAKING.values(), ids=BREAKING.keys())
def test_a_breaking_change_is_caught(change: Change) -> None:
    assert breaking_changes(OLD, changed(change)) != []


@pytest.mark.parametrize("change", HARMLESS.values(), ids=HARMLESS.keys())
def test_a_harmless_change_passes_and_can_be_read_by_avro(change: Change) -> None:
    assert breaking_changes(OLD, changed(change)) == []
    assert read_as(changed(change))


@pytest.mark.parametrize("name", [n for n in BREAKING if "time" not in n])
def test_breaking_changes_cannot_be_read_by_avro(name: str) -> None:
    with pytest.raises((SchemaResolutionError, ValueError, EOFError)):
        read_as(changed(BREAKING[name]))


@pytest.mark.parametrize("name", NAMES)
def test_a_new_field_without_a_default_is_caught_in_the_real_schemas(name: str) -> None:
    old, new = (json.loads(schema(name).text) for _ in range(2))
    new["fields"].append({"name": "brand_new", "type": "string"})
    assert breaking_changes(old, new) == [".brand_new: new, and old records have no value for it: give it a default"]
