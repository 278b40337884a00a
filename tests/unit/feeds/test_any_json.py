"""Whatever a platform sends gives posts, removals or dead letters, and never ends a feed."""

import asyncio
import io
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings

from schemas.messages import Post
from streams.feeds.batch import Batch
from streams.feeds.bluesky.jetstream import JetstreamFeed
from streams.feeds.bluesky.server import JetstreamOptions
from streams.feeds.files.folder import read_file
from streams.feeds.files.jsonl import read_jsonl
from streams.feeds.json_text import read_json
from streams.feeds.kafka_topic.feed import TopicFeed
from streams.feeds.kafka_topic.mapping import load_mapping
from streams.feeds.kafka_topic.offsets import SourceOffsets
from streams.feeds.mastodon.feed import MastodonFeed
from streams.feeds.mastodon.server import Server, _parse_frame
from streams.feeds.mastodon.wire import StreamEvent
from streams.feeds.notes import Notes
from streams.settings import load_settings
from tests.unit.feeds.any_json import N_EXAMPLES, checked, dumps, mutated
from tests.unit.feeds.any_json import Path as Place
from tests.unit.feeds.made import NEW
from tests.unit.feeds.test_http import Broker, serving

EXAMPLES = Path(__file__).parents[3] / "ops" / "docs" / "examples"
many = hypothesis_settings(max_examples=N_EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))

BLOB = {"$type": "blob", "ref": {"$link": "bafkreibabalobzn6cd366ukcsjycp4yymjymgfxcv6xczmlgpemzkz3cfa"},
        "mimeType": "image/jpeg", "size": 10}  # fmt: skip
RATIO = {"width": 4, "height": 3}
PICTURE = {"image": BLOB, "alt": "a", "aspectRatio": RATIO}
CAPTION = {"lang": "en", "file": BLOB | {"mimeType": "text/vtt"}}
CARD = {"uri": "https://e.example/1", "title": "a", "description": "b", "thumb": BLOB, "associatedRefs": []}
VIDEO = {"$type": "app.bsky.embed.video", "video": BLOB | {"mimeType": "video/mp4"}, "alt": "a", "captions": [CAPTION],
         "aspectRatio": RATIO, "presentation": "gif"}  # fmt: skip
GALLERY = {"$type": "app.bsky.embed.gallery", "items": [{"$type": "app.bsky.embed.gallery#image"} | PICTURE]}
QUOTE = {"$type": "app.bsky.embed.record", "record": {"uri": "at://did:plc:b/app.bsky.feed.post/1", "cid": "c"}}
EMBEDS = [
    VIDEO,
    GALLERY,
    QUOTE,
    {"$type": "app.bsky.embed.images", "images": [PICTURE, PICTURE]},
    {"$type": "app.bsky.embed.external", "external": CARD},
    {"$type": "app.bsky.embed.recordWithMedia", "record": QUOTE, "media": VIDEO},
    {"$type": "com.example.embed", "films": [{"file": BLOB}]},
]
FACETS = [
    {"index": {"byteStart": 0, "byteEnd": 5}, "features": [{"$type": f"app.bsky.richtext.facet#{kind}", name: value}]}
    for kind, name, value in (("link", "uri", "https://t.me/+x"), ("tag", "tag", "t"), ("mention", "did", "did:plc:b"))
]


def record(embed: Any) -> dict[str, Any]:
    """Return a post with every field of app.bsky.feed.post."""
    reference = {"uri": "at://did:plc:b/app.bsky.feed.post/1", "cid": "c"}
    return {
        "$type": "app.bsky.feed.post", "text": "hello", "createdAt": "2026-01-01T00:00:00.000Z", "facets": FACETS,
        "entities": [{"index": {"start": 0, "end": 5}, "type": "link", "value": "https://t.me/+y"}], "langs": ["en"],
        "reply": {"root": reference, "parent": reference}, "tags": ["u"], "embed": embed,
        "labels": {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": "porn"}]},
    }  # fmt: skip


def commit(embed: Any) -> dict[str, Any]:
    return {"rev": "3k", "operation": "create", "collection": "app.bsky.feed.post", "rkey": "3k", "cid": "bafy",
            "record": record(embed)}  # fmt: skip


ACCOUNT = {"active": False, "status": "deleted", "did": "did:plc:a", "seq": 5, "time": "2026-01-01T00:00:00.000Z"}
ENVELOPE = {"did": "did:plc:a", "time_us": 1_795_690_000_000_000}
FRAMES_1 = [
    *({"kind": "commit", "commit": commit(embed)} | ENVELOPE for embed in EMBEDS),
    {"kind": "account", "account": ACCOUNT} | ENVELOPE,
    {"kind": "identity", "identity": {"did": "did:plc:a", "handle": "a.example", "seq": 5}} | ENVELOPE,
]
TIMES = {"time": "2026-01-01T00:00:00.000000Z", "witnessedAt": "2026-01-01T00:00:00.000000Z"}
PAYLOADS = [
    *({"$type": "x#commit", "did": "did:plc:a", "seq": 1} | TIMES | commit(embed) for embed in EMBEDS),
    {"$type": "x#account", "did": "did:plc:a", "seq": 1, "account": ACCOUNT} | TIMES,
    {"$type": "x#info", "name": "OutdatedCursor", "message": "m"},
]
FRAMES_2 = [{"$type": "message", "payload": payload} for payload in PAYLOADS]


def jetstream(wire: Any, frame: bytes) -> list[Batch]:
    return list(JetstreamFeed(JetstreamOptions(wire=wire), NEW)._batches(frame, None))


@many
@given(mutated(*FRAMES_1))
def test_any_frame_of_wire_1_is_read(frame: bytes) -> None:
    checked(jetstream(1, frame))


@many
@given(mutated(*FRAMES_2, keep=lambda path: path == ("$type",)))
def test_any_frame_of_wire_2_is_read(frame: bytes) -> None:
    checked(jetstream(2, frame))


def is_needed(path: Place) -> bool:
    """Return whether a place holds the identity of a post or its media."""
    optional = {"text", "createdAt", "facets", "entities", "langs", "reply", "tags", "labels", "$type"}
    return not (path[:2] == ("commit", "record") and len(path) > 2 and path[2] in optional)


@many
@given(mutated(*FRAMES_1[:2], keep=is_needed))
def test_an_optional_field_of_bluesky_costs_no_media(frame: bytes) -> None:
    (post,) = checked(jetstream(1, frame))
    assert isinstance(post, Post)
    assert post.media


STATUS: dict[str, Any] = {
    "id": "110", "uri": "https://o.example/users/a/statuses/1", "url": "https://o.example/@a/1", "edited_at": None,
    "created_at": "2026-01-01T00:00:00.000Z", "content": "<p>hi <a href='https://t.me/+x'>you</a><br><h1>a</h1></p>",
    "account": {"id": "1", "acct": "a@o.example", "url": "https://o.example/@a", "uri": "https://o.example/users/a"},
    "spoiler_text": "warning", "language": "en", "sensitive": True, "visibility": "public",
    "media_attachments": [{"id": "2", "type": "video", "url": "https://f.example/v.mp4", "description": "d",
        "preview_url": "https://f.example/v.jpg", "remote_url": "https://r.example/v.mp4", "blurhash": "U",
        "meta": {"original": {"width": 1, "height": 1, "frame_rate": "30/1", "duration": 1.5}}}],
    "tags": [{"name": "t", "url": "https://o.example/tags/t"}], "mentions": [], "emojis": [{"shortcode": "e"}],
    "poll": {"id": "1", "options": [{"title": "one", "votes_count": 1}], "expires_at": None},
    "card": {"url": "https://c.example/1", "title": "c", "description": "<p>d</p>", "image": "https://c.example/1.jpg",
        "author_name": "n", "authors": [{"name": "m", "url": "u", "account": None}], "embed_url": "https://c.example/e"},
    "pleroma": {"content": {"text/plain": "hi"}, "quote": None, "quote_url": None}, "friendica": {"title": "t"},
    "reblog": None, "quote": None,
}  # fmt: skip
OTHER = STATUS | {"id": "111", "uri": "https://o.example/users/a/statuses/2", "url": "https://o.example/@a/2"}
STATUSES = [
    STATUS,
    STATUS | {"reblog": OTHER},
    STATUS | {"quote": {"state": "accepted", "quoted_status": OTHER}},
    STATUS | {"quote": OTHER},
]


class Masto:
    url = "https://masto.example"


def mastodon(event: StreamEvent) -> list[Batch]:
    return [MastodonFeed(cast("Server", Masto()), NEW)._batch(event)]


@many
@given(mutated(*STATUSES))
def test_any_status_is_read(payload: bytes) -> None:
    checked(mastodon(StreamEvent("update", payload.decode())))


@many
@given(
    mutated(
        {"stream": ["public"], "event": "update", "payload": json.dumps(STATUS)}, {"event": "delete", "payload": "1"}
    )
)
def test_any_frame_of_a_websocket_is_read(frame: bytes) -> None:
    checked(mastodon(_parse_frame(frame)))


@many
@given(mutated(STATUS, keep=lambda path: path[0] in {"id", "uri", "media_attachments", "reblog"}))
def test_an_optional_field_of_mastodon_costs_no_media(payload: bytes) -> None:
    post, *_ = checked(mastodon(StreamEvent("update", payload.decode())))
    assert isinstance(post, Post)
    assert "https://f.example/v.mp4" in [medium.url for medium in post.media]


ENTRY = {
    "post_id": "p", "platform": "made", "url": "https://e.example/1", "author": "a", "language": "ko", "alt": None,
    "published_at": "2026-01-02T03:04:05Z", "seen_at": "2026-01-02T03:04:05Z", "caption": "hi", "tags": ["t"],
    "media": ["https://e.example/1.mp4", {"url": "https://e.example/2.jpg", "kind": "image", "alt": "two"}],
}  # fmt: skip


def jsonl(line: bytes) -> list[Batch]:
    async def read() -> list[Batch]:
        return [batch async for batch in read_jsonl(io.BytesIO(line), "posts.jsonl", NEW)]

    return asyncio.run(read())


@many
@given(mutated(ENTRY))
def test_any_line_is_read(line: bytes) -> None:
    checked(jsonl(line))


@many
@given(mutated(ENTRY, keep=lambda path: path[0] == "media"))
def test_an_optional_field_of_a_line_costs_no_media(line: bytes) -> None:
    post, *_ = checked(jsonl(line))
    assert isinstance(post, Post)
    assert len(post.media) == 2


@many
@given(mutated({name: value for name, value in ENTRY.items() if name != "media"} | {"alt": "a"}))
def test_any_sidecar_costs_no_medium(sidecar: bytes) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "clip.mp4"
        file.write_bytes(b"media")
        file.with_name("clip.mp4.json").write_bytes(sidecar)
        post, *_ = checked([Batch(read_file(file, Path(folder)))])
    assert isinstance(post, Post)
    assert [medium.url for medium in post.media] == [file.resolve().as_uri()]


DOCUMENTS = [
    {"send_time": "2026-01-02T03:04:05Z", "data": {"action_id": 1, "action_name": name, "data": {
        "post_id": "p", "user_id": "u", "text": "hi", "hashtags": ["t"], "lang": "ko",
        "attachments": [{"url": "https://e.example/1.mp4", "type": "video", "alt_text": "a"}]}}}
    for name in ("create_post", "delete_post", "suspend_user")
]  # fmt: skip


class Sent:
    """A message of the source."""

    def __init__(self, value: bytes) -> None:
        self.value, self.key = lambda: value, lambda: b"k"
        self.partition = self.offset = lambda: 0
        self.timestamp = lambda: (1, 0)


TOPIC = TopicFeed(load_mapping(EXAMPLES / "osprey.toml"), read_json, load_settings())


def topic(value: bytes) -> list[Batch]:
    offsets = SourceOffsets("osprey.actions_input", load_settings(), {}, start_latest=False)
    return [TOPIC._batch([Sent(value)], offsets)]  # type: ignore[list-item]


@many
@given(mutated(*DOCUMENTS))
def test_any_record_of_a_topic_is_read(value: bytes) -> None:
    checked(topic(value))


@many
@given(
    mutated(
        DOCUMENTS[0],
        keep=lambda path: path[-1] in {"action_name", "action_id", "post_id", "url", "data", "attachments", 0},
    )
)
def test_an_optional_field_of_a_topics_record_costs_no_media(value: bytes) -> None:
    post, *_ = checked(topic(value))
    assert isinstance(post, Post)
    assert post.media


REMOVAL = {"kind": "post_deleted", "platform": "made", "url": "https://e.example/1", "author": "a", "status": "s",
           "at": "2026-01-02T03:04:05Z"}  # fmt: skip


async def submit(path: str, body: bytes) -> int:
    async with serving(broker := Broker()) as client:
        answer = await client.post(path, content=body, headers={"Content-Type": "application/json"})
    checked([Batch(broker.records, ignored=1)])
    assert bool(broker.records) is (answer.status_code == 202)
    return answer.status_code


@hypothesis_settings(many, max_examples=N_EXAMPLES // 2)
@given(mutated(ENTRY, [ENTRY, ENTRY]))
def test_any_post_over_http_is_accepted_or_refused(body: bytes) -> None:
    assert asyncio.run(submit("/v1/posts", body)) in {202, 400, 422}


@hypothesis_settings(many, max_examples=N_EXAMPLES // 2)
@given(mutated(REMOVAL, [REMOVAL]))
def test_any_removal_over_http_is_accepted_or_refused(body: bytes) -> None:
    assert asyncio.run(submit("/v1/removals", body)) in {202, 400, 422}


@pytest.mark.parametrize("path", ["/v1/posts", "/v1/removals"])
async def test_a_time_outside_years_1_to_9999_is_no_internal_error(path: str) -> None:
    entry = REMOVAL | {"at": "0001-01-01T00:00:00+09:00"} if "removals" in path else {
        "caption": "hi", "published_at": "9999-12-31T23:59:59-14:00"}  # fmt: skip
    assert await submit(path, dumps(entry)) == 202


@many
@given(mutated(*STATUSES))
def test_json_is_read_whole_or_refused(raw: bytes) -> None:
    notes = Notes()
    found = read_json(raw, notes)
    assert isinstance(found, dict)
    assert (b"[" * 5_000 in raw) <= bool(notes.lines)
