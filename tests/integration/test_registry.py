"""The Confluent wire format, through a real schema registry."""

import copy
import io
import json
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import fastavro
import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

from schemas.avro import schema
from schemas.codec import Codec, WireError
from schemas.messages import Post
from schemas.registry import SchemaRegistry, UnknownSchemaError
from tests.support.deadline import DEADLINE_S

NOW = datetime(2026, 11, 22, 9, 1, 30, 123456, tzinfo=UTC)
POST = Post(post_id="1", platform="http", url="https://example.org/1", published_at=NOW, seen_at=NOW, caption="영상")
READ_IN_ANOTHER_PROCESS = """
import sys
from schemas.codec import Codec
from schemas.registry import SchemaRegistry
print(Codec(SchemaRegistry(sys.argv[1])).decode("posts", bytes.fromhex(sys.argv[2])).caption)
"""


@pytest.fixture
def client(registry_url: str) -> Iterator[SchemaRegistryClient]:
    with SchemaRegistryClient({"url": registry_url}) as client:
        yield client


@pytest.fixture
def codec(registry_url: str, prefix: str) -> Iterator[Codec]:
    with closing(SchemaRegistry(registry_url, prefix=prefix)) as registry:
        yield Codec(registry)


@pytest.fixture
def other_codec(registry_url: str, prefix: str) -> Iterator[Codec]:
    """Yield a second codec, which must look up every id."""
    with closing(SchemaRegistry(registry_url, prefix=prefix)) as registry:
        yield Codec(registry)


def written_with(client: SchemaRegistryClient, subject: str, source: dict[str, Any]) -> bytes:
    """Return POST as encoded by a writer with this schema."""
    schema_id = client.register_schema(subject, Schema(json.dumps(source), "AVRO"))
    body = io.BytesIO()
    fields = {"post_id": "1", "platform": "http", "url": "u", "published_at": NOW, "seen_at": NOW, "mood": "calm"}
    fastavro.schemaless_writer(body, fastavro.parse_schema(copy.deepcopy(source)), fields)
    return b"\x00" + struct.pack(">I", schema_id) + body.getvalue()


def test_a_message_comes_back_through_the_registry(codec: Codec, other_codec: Codec) -> None:
    value = codec.encode("posts", POST)
    assert value[0] == 0
    assert other_codec.decode("posts", value) == POST


def test_the_schema_is_registered_under_the_topics_name(
    codec: Codec, client: SchemaRegistryClient, prefix: str
) -> None:
    value = codec.encode("posts", POST)
    registered = client.get_latest_version(f"{prefix}posts-value")
    assert struct.pack(">I", registered.schema_id) == value[1:5]
    assert json.loads(registered.schema.schema_str or "") == json.loads(schema("post").text)


def test_another_process_decodes_by_the_id_alone(codec: Codec, registry_url: str) -> None:
    value = codec.encode("posts", POST)
    command = [sys.executable, "-c", READ_IN_ANOTHER_PROCESS, registry_url, value.hex()]
    environment = os.environ | {"PYTHONIOENCODING": "utf-8", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=DEADLINE_S, env=environment)
    assert done.stdout.strip() == "영상"


def test_a_newer_writers_extra_field_is_ignored(codec: Codec, client: SchemaRegistryClient, prefix: str) -> None:
    newer = json.loads(schema("post").text)
    newer["fields"].append({"name": "mood", "type": "string"})
    decoded = codec.decode("posts", written_with(client, f"{prefix}newer", newer))
    assert isinstance(decoded, Post)
    assert decoded.post_id == "1"


def test_an_older_writers_missing_fields_get_their_defaults(
    codec: Codec, client: SchemaRegistryClient, prefix: str
) -> None:
    older = json.loads(schema("post").text)
    older["fields"] = [field for field in older["fields"] if "default" not in field]
    decoded = codec.decode("posts", written_with(client, f"{prefix}older", older))
    assert isinstance(decoded, Post)
    assert decoded.media == []


def test_an_unknown_id_is_refused(codec: Codec) -> None:
    value = codec.encode("posts", POST)
    with pytest.raises(WireError) as refusal:
        codec.decode("posts", b"\x00\x7f\xff\xff\xff" + value[5:])
    assert refusal.value.reason == "wire_unknown_schema_id"


def test_an_id_of_another_schema_is_refused(codec: Codec, client: SchemaRegistryClient, prefix: str) -> None:
    other = {"type": "record", "name": "Weather", "fields": [{"name": "mood", "type": "string"}]}
    with pytest.raises(WireError) as refusal:
        codec.decode("posts", written_with(client, f"{prefix}other", other))
    assert refusal.value.reason == "wire_unknown_schema_id"


def test_without_a_registry_an_id_is_refused_and_with_one_a_fingerprint_is_decoded(codec: Codec) -> None:
    with pytest.raises(WireError) as refusal:
        Codec().decode("posts", codec.encode("posts", POST))
    assert refusal.value.reason == "wire_unknown_schema_id"
    assert codec.decode("posts", Codec().encode("posts", POST)) == POST


def test_a_lookup_registers_nothing(registry_url: str, prefix: str) -> None:
    with closing(SchemaRegistry(registry_url, prefix=prefix)) as registry:
        with pytest.raises(UnknownSchemaError):
            registry.lookup("posts", schema("post").text)
        registered = registry.id_of("posts", schema("post").text)
        assert registry.lookup("posts", schema("post").text) == registered


def test_an_unreachable_registry_is_a_connection_error_not_a_bad_record() -> None:
    with closing(SchemaRegistry("http://127.0.0.1:1", timeout_s=1.0)) as registry:
        with pytest.raises(ConnectionError):
            Codec(registry).encode("posts", POST)
        with pytest.raises(ConnectionError):
            Codec(registry).decode("posts", b"\x00\x00\x00\x00\x01" + b"\x00" * 20)
