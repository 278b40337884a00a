"""The codec beyond its examples: messages it refuses to write, kept versions, and its speed."""

import os
import time
from datetime import UTC, datetime

import msgspec
import pytest

from schemas.avro import schema
from schemas.codec import Codec
from schemas.messages import Parts, Post, Segment, Sounds
from schemas.topics import TOPICS

NOW = datetime(2026, 11, 22, 9, 1, 30, 123456, tzinfo=UTC)
POST = Post(post_id="1", platform="http", url="https://example.org/1", published_at=NOW, seen_at=NOW)
PARTS = Parts(visual=0, audio=1, text=0)
SEGMENT = Segment(post=POST.ref(), parts=PARTS, segment=0, medium=0, start_s=0.0, duration_s=60.0)


def test_a_time_without_a_zone_is_refused() -> None:
    naive = msgspec.structs.replace(POST, seen_at=NOW.replace(tzinfo=None))
    with pytest.raises(TypeError, match="no time zone"):
        Codec().encode("posts", naive)


def test_a_time_keeps_its_microseconds_and_becomes_utc() -> None:
    decoded = Codec().decode("posts", Codec().encode("posts", POST))
    assert isinstance(decoded, Post)
    assert decoded.seen_at == NOW
    assert decoded.seen_at.tzinfo == UTC


def test_a_message_of_another_topic_is_refused() -> None:
    with pytest.raises(TypeError, match="frames carries Frames, not Post"):
        Codec().encode("frames", POST)


def test_a_state_topic_carries_no_messages() -> None:
    with pytest.raises(LookupError, match="carries no messages"):
        Codec().decode("fusion-state", b"\xc3\x01")


def test_a_value_starts_with_its_avro_fingerprint() -> None:
    assert Codec().encode("posts", POST)[:10] == b"\xc3\x01" + schema("post").fingerprint


def test_every_kept_version_can_be_read() -> None:
    for topic in TOPICS.values():
        if topic.schema:
            assert schema(topic.schema).fingerprint in schema(topic.schema).writers


def test_a_megabyte_costs_milliseconds() -> None:
    sounds = Sounds(segment=SEGMENT, rate_hz=16_000, pcm=os.urandom(1_920_000))
    codec = Codec()
    started = time.process_time()
    for _ in range(10):
        assert codec.decode("sounds", codec.encode("sounds", sounds)) == sounds
    assert time.process_time() - started < 1.0  # CPU time; measured: 0.02 s
