"""Inputs of public reports, each with what it must give."""

import io
import json
from pathlib import Path
from typing import Any, cast

import pytest

from schemas.messages import Medium, Post
from streams.feeds.bluesky.jetstream import JetstreamFeed
from streams.feeds.bluesky.server import JetstreamOptions
from streams.feeds.files.jsonl import read_jsonl
from streams.feeds.mastodon.feed import MastodonFeed
from streams.feeds.mastodon.server import Server
from streams.feeds.mastodon.wire import StreamEvent
from tests.unit.feeds.made import NEW, posts

DATA = Path(__file__).parents[2] / "data" / "feeds"
BLOB = (
    "https://bsky.social/xrpc/com.atproto.sync.getBlob?did=did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"
    "&cid=bafkreibabalobzn6cd366ukcsjycp4yymjymgfxcv6xczmlgpemzkz3cfa"
)


class Answering:
    url = "https://masto.example"


def jetstream(name: str) -> Post:
    """Return the only record of a frame of wire 1."""
    feed = JetstreamFeed(JetstreamOptions(wire=1), NEW)
    (post,) = posts(feed._batches((DATA / name).read_bytes(), None))
    return post


def mastodon(name: str) -> Post:
    """Return the only record of a status."""
    feed = MastodonFeed(cast("Server", Answering()), NEW)
    (post,) = posts([feed._batch(StreamEvent("update", (DATA / name).read_text()))])
    return post


def test_every_picture_of_a_gallery_is_a_medium_with_its_alternative_text() -> None:
    post = jetstream("jetstream1_gallery_of_5_images_no_media.json")
    assert post.media == [Medium(url=BLOB, kind="image", alt=f"alt {number}") for number in range(5)]
    assert post.notes == []


def test_a_time_before_year_1_is_as_seen_with_a_note() -> None:
    post = jetstream("jetstream1_createdAt_before_year_1_ends_the_feed.json")
    assert post.caption == "hello"
    assert post.published_at.year == 2026
    assert post.notes == ["createdAt: no time from 1970 to 2100, as seen"]


def test_facets_that_are_null_cost_nothing() -> None:
    post = jetstream("jetstream1_facets_null_dead_letter.json")
    assert (post.caption, post.media, post.notes) == ("hello", [Medium(url=BLOB, kind="image", alt="a")], [])


def test_the_words_the_address_and_the_picture_of_a_card_are_read() -> None:
    post = jetstream("jetstream1_external_card_names_somebody_unread.json")
    assert post.caption == "https://t.me/+invite\n\nJane Roe full video\n\nJane Roe"
    assert post.media == [Medium(url=BLOB, kind="image")]


def test_an_address_behind_words_is_read() -> None:
    assert jetstream("jetstream1_link_behind_words_unread.json").caption == "look here\n\nhttps://t.me/+secretinvite"


async def test_a_line_with_a_time_before_year_1_is_a_post_and_the_next_is_read() -> None:
    raw = (DATA / "feed_jsonl_published_before_year_1.jsonl").read_bytes()
    first, odd, last = posts([batch async for batch in read_jsonl(io.BytesIO(raw), "posts.jsonl", NEW)])
    assert [post.caption for post in (first, odd, last)] == ["a", "hi", "b"]
    assert odd.notes == ["published_at: no time from 1970 to 2100, as seen"]
    assert odd.published_at == odd.seen_at


def test_content_that_is_null_costs_no_media() -> None:
    post = mastodon("mastodon_content_null_with_video.json")
    assert (post.caption, post.media) == ("", [Medium(url="https://f.example/v.mp4", kind="video")])


def test_blocks_keep_words_apart() -> None:
    assert mastodon("mastodon_blocks_glued_h1_p.json").caption.split() == ["leak", "Jane", "Roe"]


def test_the_options_of_a_poll_are_read() -> None:
    assert mastodon("mastodon_name_in_poll_option.json").caption == "hi\n\nJane Roe\n\nother"


def test_a_placeholder_is_not_the_medium() -> None:
    post = mastodon("mastodon_attachment_missing_png_with_remote_url.json")
    assert [medium.url for medium in post.media] == ["https://r.example/v.mp4"]


def with_embed(embed: Any) -> dict[str, Any]:
    """Return the gallery's frame with another embed."""
    frame: dict[str, Any] = json.loads((DATA / "jetstream1_gallery_of_5_images_no_media.json").read_bytes())
    gallery = frame["commit"]["record"]["embed"]
    frame["commit"]["record"]["embed"] = embed(gallery) if callable(embed) else embed
    return frame


def read(frame: dict[str, Any]) -> list[Any]:
    feed = JetstreamFeed(JetstreamOptions(wire=1), NEW)
    return [record for batch in feed._batches(json.dumps(frame).encode(), None) for record in batch.records]


def test_a_gallery_beside_a_quoted_post_is_read() -> None:
    quoted = {"$type": "app.bsky.embed.record", "record": {"uri": "at://x/y/z", "cid": "c"}}
    (post,) = read(
        with_embed(lambda gallery: {"$type": "app.bsky.embed.recordWithMedia", "record": quoted, "media": gallery})
    )
    assert [medium.alt for medium in post.media] == [f"alt {number}" for number in range(5)]


BLOB_JSON = {"$type": "blob", "ref": {"$link": "bafyvideo"}, "mimeType": "video/mp4", "size": 1}


@pytest.mark.parametrize(
    ("embed", "reason", "kinds"),
    [
        ({"$type": "com.example.embed.film", "film": {"file": [BLOB_JSON]}}, "feed_embed_unknown", ["video"]),
        ({"$type": "com.example.embed.poll", "options": ["a"]}, "feed_embed_unknown", []),
        ({"$type": 5}, "feed_embed_unknown", []),
        ("a text", "feed_embed_unreadable", []),
        ({"$type": "app.bsky.embed.video", "video": None}, "feed_embed_unreadable", []),
        ({"$type": "app.bsky.embed.images", "images": {"image": 1}}, "feed_embed_unreadable", []),
        (
            {"$type": "app.bsky.embed.gallery", "items": [None, {"video": BLOB_JSON}, {"$type": "x#holo"}]},
            "feed_embed_unreadable",
            ["video"],
        ),
    ],
)
def test_an_embed_that_cannot_be_read_is_a_dead_letter_beside_the_post(
    embed: object, reason: str, kinds: list[str]
) -> None:
    frame = with_embed(embed)
    post, letter = read(frame)
    assert (post.caption, [medium.kind for medium in post.media]) == ("hello", kinds)
    assert (letter.reason, json.loads(letter.value)) == (reason, frame)


@pytest.mark.parametrize("state", ["desynchronized", "throttled", "", "something new"])
def test_an_account_in_a_state_that_is_not_gone_is_left_alone(state: str) -> None:
    account = {"active": False, "status": state, "seq": 5}
    assert read({"did": "did:plc:a", "time_us": 1795690000000000, "kind": "account", "account": account}) == []


@pytest.mark.parametrize("state", ["takendown", "suspended", "deleted", "deactivated"])
def test_an_account_that_is_gone_is_a_removal(state: str) -> None:
    account = {"active": False, "status": state, "seq": 5}
    (gone,) = read({"did": "did:plc:a", "time_us": 1795690000000000, "kind": "account", "account": account})
    assert (gone.kind, gone.status, gone.author) == ("account_gone", state, "did:plc:a")


def test_captions_of_a_video_are_media_of_their_own() -> None:
    captions = [{"lang": "en", "file": BLOB_JSON | {"mimeType": "text/vtt"}}, None, {"lang": "ko", "file": None}]
    (post, letter) = read(
        with_embed({"$type": "app.bsky.embed.video", "video": BLOB_JSON, "alt": "a", "captions": captions})
    )
    assert [(medium.kind, medium.alt) for medium in post.media] == [("video", "a"), ("captions", "")]
    assert letter.detail.endswith("captions without a link to its bytes")


@pytest.mark.parametrize(
    ("uri", "kind"),
    [
        ("https://media.tenor.com/a/b.gif?hh=1&ww=2", "image"),
        ("https://e.example/film.MP4", "video"),
        ("https://e.example/page", None),
        ("https://e.example/", None),
        ("https://[", None),
        ("ftp://e.example/film.mp4", None),
    ],
)
def test_a_card_that_leads_to_a_medium_is_that_medium(uri: str, kind: str | None) -> None:
    (post,) = read(with_embed({"$type": "app.bsky.embed.external", "external": {"uri": uri, "description": "d"}}))
    assert [(medium.url, medium.kind) for medium in post.media] == ([(uri, kind)] if kind else [])
