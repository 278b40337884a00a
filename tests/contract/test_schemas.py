"""The .avsc files, the classes and topics.yaml agree."""

import json
from datetime import datetime
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest

from schemas import messages
from schemas.avro import schema
from schemas.messages import Message
from schemas.topics import TOPICS

FILES = sorted(Path(messages.__file__).parent.glob("*.avsc"))
NAMES = [file.stem for file in FILES]
OUTSIDE_THE_STAGES = {"screen", "feeds", "desk", "console", "platforms", "replay", "workers"}
STAGES = {"decode", "visual", "audio", "text", "match", "fusion", "takedown", "delivery"}
PRIMITIVES = {str: ["string"], int: ["int", "long"], float: ["double"], bool: ["boolean"], bytes: ["bytes"]}
CONTAINERS = {list: ("array", "items"), dict: ("map", "values")}


def records(node: Any) -> list[dict[str, Any]]:
    """Return every record definition within a schema, outermost first."""
    if isinstance(node, list):
        return [record for part in node for record in records(part)]
    if not isinstance(node, dict):
        return []
    here = [node] if node.get("type") == "record" else []
    inner = [node.get("items"), node.get("values"), node["type"] if isinstance(node.get("type"), dict | list) else None]
    return here + records([*inner, *(field["type"] for field in node.get("fields", []))])


RECORDS = {f"{file.stem}:{found['name']}": found for file in FILES for found in records(json.loads(file.read_text()))}
each_record = pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS.keys())


def fits(node: Any, annotation: Any) -> bool:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in {UnionType, Union}:
        (present,) = (argument for argument in arguments if argument is not type(None))
        return isinstance(node, list) and node[0] == "null" and len(node) == 2 and fits(node[1], present)
    if origin in CONTAINERS:
        container, inside = CONTAINERS[origin]
        return isinstance(node, dict) and node["type"] == container and fits(node[inside], arguments[-1])
    if origin is Literal:
        return fits_enum(node, arguments)
    if annotation is datetime:
        return bool(node == {"type": "long", "logicalType": "timestamp-micros"})
    if issubclass(annotation, Message):
        return bool((node["name"] if isinstance(node, dict) else node) == annotation.__name__)
    return node in PRIMITIVES[annotation]


def fits_enum(node: Any, symbols: tuple[str, ...]) -> bool:
    if isinstance(node, dict):
        return node["type"] == "enum" and tuple(node["symbols"]) == symbols
    return tuple(get_args(getattr(messages, node))) == symbols  # defined earlier in the same file


def test_every_schema_belongs_to_a_topic_and_every_topic_to_a_schema() -> None:
    assert {topic.schema for topic in TOPICS.values() if not topic.internal} == set(NAMES)


@each_record
def test_a_record_has_the_fields_of_its_class_in_order(record: dict[str, Any]) -> None:
    fields = msgspec.structs.fields(getattr(messages, record["name"]))
    assert [field["name"] for field in record["fields"]] == [field.name for field in fields]


@each_record
def test_a_record_has_the_types_and_optionality_of_its_class(record: dict[str, Any]) -> None:
    hints = get_type_hints(getattr(messages, record["name"]))
    for field in record["fields"]:
        assert fits(field["type"], hints[field["name"]]), f"{field} against {hints[field['name']]}"


@each_record
def test_a_record_has_the_defaults_of_its_class(record: dict[str, Any]) -> None:
    for field in msgspec.structs.fields(getattr(messages, record["name"])):
        declared = next(f for f in record["fields"] if f["name"] == field.name)
        assert ("default" in declared) is not field.required, field.name
        if not field.required:
            default = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
            expected = default.decode("latin-1") if isinstance(default, bytes) else default
            assert declared["default"] == expected, field.name


@each_record
def test_a_record_and_each_of_its_fields_has_a_doc(record: dict[str, Any]) -> None:
    assert record["doc"].endswith(".")
    assert [field["name"] for field in record["fields"] if not field.get("doc")] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_definition_shared_by_several_files_is_the_same_in_all(name: str) -> None:
    first: dict[str, Any] = {}
    for file in FILES:
        for record in records(json.loads(file.read_text())):
            first.setdefault(record["name"], [(f["name"]) for f in record["fields"]])
    for record in records(json.loads(schema(name).text)):
        assert [f["name"] for f in record["fields"]] == first[record["name"]]


@pytest.mark.parametrize("topic", TOPICS.values(), ids=TOPICS.keys())
def test_a_topic_is_declared_completely(topic: Any) -> None:
    assert topic.partitions > 0
    assert topic.max_bytes > 0
    assert topic.purpose
    assert topic.key
    assert topic.compacted or topic.retention_hours == -1 or topic.retention_hours > 0
    assert topic.producers
    assert topic.consumers
    assert set(topic.producers + topic.consumers) <= STAGES | OUTSIDE_THE_STAGES


BACK = {"looks", "reuse"}
"""Topics that lead back up the flow: fusion asks decode for a second look, whose answer passes the flow as frames; a
stage finds what it has done for an earlier post."""


def test_the_topics_are_in_flow_order() -> None:
    order = list(TOPICS)
    topics = [topic for topic in TOPICS.values() if not topic.internal]
    for stage in STAGES:
        reads = [order.index(topic.name) for topic in topics if stage in topic.consumers and topic.name not in BACK]
        writes = [order.index(t.name) for t in topics if stage in t.producers and t.name != "dead-letters"]
        assert max(reads) < min(writes) or stage == "delivery", stage  # it reads its own steps, and other people's
