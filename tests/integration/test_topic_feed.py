"""The topic feed: the documented mapping, repeated kills, new partitions, malformed records and Avro."""

import asyncio
import io
import json
import random
import signal
import struct
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import fastavro
import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

from schemas.messages import DeadLetter, Post
from streams.feeds.batch import Batch
from streams.feeds.cursor import Progress
from streams.feeds.kafka_topic.feed import TopicFeed
from streams.feeds.kafka_topic.mapping import TopicMapping, load_mapping
from streams.feeds.kafka_topic.record_format import value_decoder
from streams.feeds.kafka_topic.source import source_settings
from tests.integration.feeding import feed_process
from tests.integration.system import System
from tests.support.deadline import DEADLINE_S, until

OSPREY = Path(__file__).parents[2] / "ops" / "docs" / "examples" / "osprey.toml"
N_POSTS, N_PARTITIONS = 400, 3
ACTION = {
    "type": "record",
    "name": "Action",
    "fields": [
        {"name": "kind", "type": "string"},
        {"name": "id", "type": "long"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "text", "type": ["null", "string"]},
        {"name": "links", "type": {"type": "array", "items": "string"}},
    ],
}
AVRO = """
name = "avro"
platform = "made"
[source]
topic = "{topic}"
format = "avro"
{schema}
[[post]]
when = {{ kind = "post" }}
id = "id"
published_at = "at"
caption = "text"
media = "links"
"""


class Source:
    """The platform's topic."""

    def __init__(self, system: System) -> None:
        self.bootstrap = system.settings.bootstrap_servers
        self.topic = f"{system.settings.topic_prefix}platform.actions"
        self._admin = AdminClient({"bootstrap.servers": self.bootstrap})
        self._admin.create_topics([NewTopic(self.topic, N_PARTITIONS, 1)])[self.topic].result(DEADLINE_S)
        self._producer = Producer(
            {"bootstrap.servers": self.bootstrap, "linger.ms": 0, "enable.idempotence": True, "max.in.flight": 1}
        )

    def write(self, value: bytes | None, partition: int = -1) -> None:
        self._producer.produce(self.topic, value=value, key=b"k" if value is None else None, partition=partition)

    def flush(self) -> None:
        assert self._producer.flush(DEADLINE_S) == 0

    def _n_partitions(self) -> int:
        return len(self._producer.list_topics(self.topic, timeout=DEADLINE_S).topics[self.topic].partitions)

    def recreate(self, n_partitions: int = N_PARTITIONS) -> None:
        """Delete the topic, and create another one of the same name."""
        self._producer = Producer({"bootstrap.servers": self.bootstrap, "linger.ms": 0})  # the old one would create it
        self._admin.delete_topics([self.topic])[self.topic].result(DEADLINE_S)
        until(lambda: self.topic not in self._admin.list_topics(timeout=DEADLINE_S).topics)
        self._admin.create_topics([NewTopic(self.topic, n_partitions, 1)])[self.topic].result(DEADLINE_S)

    def delete_before(self, offset: int) -> None:
        self._admin.delete_records([TopicPartition(self.topic, 0, offset)])[
            TopicPartition(self.topic, 0, offset)
        ].result(DEADLINE_S)

    def grow(self, n_partitions: int) -> None:
        self._admin.create_partitions([NewPartitions(self.topic, n_partitions)])[self.topic].result(DEADLINE_S)
        self._producer = Producer({"bootstrap.servers": self.bootstrap})  # the old one does not use new partitions yet
        until(lambda: self._n_partitions() > N_PARTITIONS)


@pytest.fixture
def source(system: System) -> Source:
    return Source(system)


def action(name: str, number: int, **data: Any) -> bytes:
    inner = {"action_id": number, "action_name": name, "data": {"post_id": number, **data}}
    return json.dumps({"send_time": "2026-11-22T10:00:00Z", "data": inner}).encode()


def mapping(folder: Path, source: Source) -> Path:
    """Write the documented mapping with this source's topic and the address of its Kafka."""
    file = folder / "osprey.toml"
    address = f'topic = "{source.topic}"\nbootstrap_servers = "{source.bootstrap}"'
    file.write_text(OSPREY.read_text().replace('topic = "osprey.actions_input"', address))
    assert address in file.read_text()
    return file


def write_post(source: Source, number: int) -> None:
    """Write one post, and with every tenth a removal, an unrelated record, a malformed one and a tombstone."""
    media = [{"url": f"https://media.example/{number}.mp4", "type": "video", "alt_text": "alt"}]
    source.write(action("create_post", number, text=f"post {number}", user_id=number, attachments=media))
    if number % 10 == 0:
        source.write(action("delete_post", number))
        source.write(action("follow_user", number))
        source.write(b"\xff no JSON %d" % number)
        source.write(None)


def test_a_feed_killed_repeatedly_writes_every_post_once(system: System, source: Source, tmp_path: Path) -> None:
    chance = random.Random(5)
    with feed_process(system, "topic", "--mapping", str(mapping(tmp_path, source))) as process:
        for number in range(N_POSTS):
            write_post(source, number)
            if number % 80 == 40:
                source.flush()
                time.sleep(chance.uniform(1.0, 2.5))
                process.end(signal.SIGKILL)
                process.start()
            time.sleep(0.002)
        source.flush()
        posts = system.wait("posts", lambda kept: kept if len(kept) >= N_POSTS else [])
        system.wait("removals", lambda kept: len(kept) >= N_POSTS // 10)
        system.wait("dead-letters", lambda kept: len(kept) >= N_POSTS // 10)
        assert process.end(signal.SIGTERM) == 0, process.log.read_text()[-2000:]
    assert Counter(kept.message.caption for kept in system.records("posts")) == Counter(
        f"post {number}" for number in range(N_POSTS)
    )
    assert len({kept.key for kept in posts}) == N_POSTS
    (one,) = (kept.message for kept in posts if kept.message.caption == "post 7")
    assert (one.platform, one.url, one.author) == ("example.social", "https://example.social/posts/7", "7")
    assert [(medium.url, medium.kind, medium.alt) for medium in one.media] == [
        ("https://media.example/7.mp4", "video", "alt")
    ]
    assert Counter(kept.message.url for kept in system.records("removals")) == Counter(
        f"https://example.social/posts/{number}" for number in range(0, N_POSTS, 10)
    )
    letters = [kept.message for kept in system.records("dead-letters")]
    assert Counter(letter.value for letter in letters) == Counter(
        b"\xff no JSON %d" % number for number in range(0, N_POSTS, 10)
    )
    assert {(letter.reason, letter.stage) for letter in letters} == {("feed_record_unmappable", "feed-topic")}


def test_a_typo_in_the_mapping_is_one_line_before_anything_is_read(system: System, tmp_path: Path) -> None:
    file = tmp_path / "osprey.toml"
    for typo, text in (
        ('captoin = "data.data.text"', "captoin"),
        ('caption = "data..text"', "data..text"),
        ('published_at = { path = "send_time", format = "minutes" }', "minutes"),
        ('caption = { path = "a", value = "b" }', "one of path"),
        ("caption = ", "osprey.toml"),
    ):
        line = 'published_at = "send_time"' if "published_at" in typo else 'caption = "data.data.text"'
        file.write_text(OSPREY.read_text().replace(line, typo))
        answer = system.jikimi_here("feed", "topic", "--mapping", str(file))
        assert (answer.code, answer.out, len(answer.err.splitlines())) == (2, "", 1), answer.err
        assert text in answer.err
    assert system.records("feed-cursors") == []


def test_a_source_that_is_not_there_is_one_line(system: System, source: Source, tmp_path: Path) -> None:
    file = mapping(tmp_path, source)
    file.write_text(file.read_text().replace("platform.actions", "platform.nothing"))
    answer = system.jikimi_here("feed", "topic", "--mapping", str(file))
    assert (answer.code, len(answer.err.splitlines())) == (2, 1), answer.err
    assert "platform.nothing" in answer.err


@asynccontextmanager
async def running_feed(mapped: TopicMapping, system: System, progress: Progress) -> AsyncIterator[AsyncIterator[Batch]]:
    with value_decoder(mapped.source) as decode:
        feed = TopicFeed(mapped, decode, source_settings(mapped.source, system.settings))
        async with aclosing(feed.batches(progress)) as batches:
            yield batches


async def records_from(mapped: TopicMapping, system: System, n_records: int, parts: dict[str, str]) -> list[Any]:
    """Return at least this many records of a feed that resumes at these offsets."""
    records: list[Any] = []
    async with running_feed(mapped, system, Progress(parts=parts)) as batches:
        async for batch in batches:
            records += batch.records
            if len(records) >= n_records:
                break
    return records


async def test_new_partitions_are_read_from_their_beginning(
    system: System, source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.feeds.kafka_topic.feed._COMPARISON_S", 0.3)
    mapped = load_mapping(mapping(tmp_path, source))
    source.write(action("create_post", 1, text="old"), 0)
    source.flush()
    batches: list[Batch] = []
    async with running_feed(mapped, system, Progress()) as source_batches:
        async for batch in source_batches:
            batches.append(batch)
            if len([record for batch in batches for record in batch.records]) == 2:
                break
            if batch.records:
                source.grow(N_PARTITIONS + 2)
                source.write(action("create_post", 2, text="new"), N_PARTITIONS + 1)
                source.flush()
    assert batches[-1].parts == {f"{source.topic}/{N_PARTITIONS + 1}": "1"}


async def test_a_first_start_at_the_end_leaves_no_gap_after_it(system: System, source: Source, tmp_path: Path) -> None:
    file = mapping(tmp_path, source)
    file.write_text(file.read_text().replace('start = "earliest"', 'start = "latest"'))
    mapped = load_mapping(file)
    source.write(action("create_post", 1, text="before"), 0)
    source.flush()
    async with running_feed(mapped, system, Progress()) as batches:
        first = await anext(batches)  # and is killed
    source.write(action("create_post", 2, text="between"), 0)
    source.flush()
    parts = {part: position for part, position in first.parts.items() if position is not None}
    records = await records_from(mapped, system, 1, parts)
    assert [record.caption for record in records] == ["between"]
    # a recreated source is shorter than the stored offset
    records = await records_from(mapped, system, 2, parts | {f"{source.topic}/0": "9"})
    assert [record.caption for record in records] == ["before", "between"]


async def test_a_source_that_was_created_again_is_read_from_its_beginning_although_it_is_longer(
    system: System, source: Source, tmp_path: Path
) -> None:
    mapped = load_mapping(mapping(tmp_path, source))
    source.write(action("create_post", 1, text="old"), 0)
    source.flush()
    parts: dict[str, str | None] = {}
    async with running_feed(mapped, system, Progress()) as batches:
        async for batch in batches:
            parts |= batch.parts
            if batch.records:
                break
    source.recreate(N_PARTITIONS - 1)
    for number in (2, 3):
        source.write(action("create_post", number, text=f"new {number}"), 0)
    source.flush()
    known = {part: position for part, position in parts.items() if position is not None}
    async with running_feed(mapped, system, Progress(parts=known)) as batches:
        first = await anext(batches)
        found: list[Any] = []
        while len(found) < 2:
            found += (await anext(batches)).records
    assert [record.caption for record in found] == ["new 2", "new 3"]
    assert first.parts[source.topic] not in {None, known[source.topic]}
    assert first.parts[f"{source.topic}/{N_PARTITIONS - 1}"] is None  # the partition is gone


async def test_a_source_created_again_under_a_running_feed_is_read_from_its_beginning(
    system: System, source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.feeds.kafka_topic.feed._COMPARISON_S", 0.3)
    monkeypatch.setattr("streams.feeds.kafka_topic.feed._FATAL_ERRORS", set())  # while the topic is not there
    mapped = load_mapping(mapping(tmp_path, source))
    source.write(action("create_post", 1, text="old"), 0)
    source.flush()
    found: list[Any] = []
    async with running_feed(mapped, system, Progress()) as batches:
        while {record.caption for record in found} < {"old", "new 0", "new 1", "new 2"}:
            found += (await anext(batches)).records
            if len(found) == 1:
                await asyncio.to_thread(source.recreate)
                for number in range(3):
                    source.write(action("create_post", 5 + number, text=f"new {number}"), 0)
                source.flush()


async def test_records_deleted_before_they_were_read_are_a_gap(system: System, source: Source, tmp_path: Path) -> None:
    mapped = load_mapping(mapping(tmp_path, source))
    for number in range(3):
        source.write(action("create_post", number, text=f"post {number}"), 0)
    source.flush()
    source.delete_before(2)
    gap, post = await records_from(mapped, system, 2, {f"{source.topic}/0": "1"})
    assert (gap.reason, post.caption) == ("feed_gap", "post 2")
    assert f"{source.topic}/0: records 1 to 1 were deleted" in gap.detail


@pytest.fixture(params=["file", "registry"])
def avro(request: pytest.FixtureRequest, source: Source, tmp_path: Path) -> Iterator[tuple[Path, bytes]]:
    """Return a mapping for Avro, and the bytes before each value."""
    file = tmp_path / "avro.toml"
    if request.param == "file":
        (tmp_path / "action.avsc").write_text(json.dumps(ACTION))
        file.write_text(AVRO.format(topic=source.topic, schema=f'schema_file = "{tmp_path}/action.avsc"'))
        yield file, b""
        return
    url = request.getfixturevalue("registry_url")
    with SchemaRegistryClient({"url": url}) as client:
        schema_id = client.register_schema(f"{source.topic}-value", Schema(json.dumps(ACTION), "AVRO"))
    file.write_text(AVRO.format(topic=source.topic, schema=f'schema_registry_url = "{url}"'))
    yield file, b"\0" + struct.pack(">I", schema_id)


async def test_avro_becomes_posts_and_malformed_records_dead_letters(
    system: System, source: Source, avro: tuple[Path, bytes]
) -> None:
    file, frame = avro
    body = io.BytesIO()
    record = {
        "kind": "post",
        "id": 7,
        "at": 1_795_000_000_000,
        "text": "지킴이",
        "links": ["https://a/1", "https://a/2"],
    }
    fastavro.schemaless_writer(body, fastavro.parse_schema(json.loads(json.dumps(ACTION))), record)
    good = frame + body.getvalue()
    for value in (good, good[:-1], good + b"x", b"{}", b"", b"\0\x7f\xff\xff\xff\xff"):
        source.write(value, 0)
    source.flush()
    records = await records_from(load_mapping(file), system, 6, {})
    (post,) = (record for record in records if isinstance(record, Post))
    assert (post.caption, [medium.url for medium in post.media]) == ("지킴이", ["https://a/1", "https://a/2"])
    assert post.published_at.timestamp() == 1_795_000_000
    letters = [record for record in records if isinstance(record, DeadLetter)]
    assert [letter.offset for letter in letters] == [1, 2, 3, 4, 5]
    assert letters[0].value == good[:-1]
