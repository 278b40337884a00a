"""Bluesky's records as posts and removals.

A post's url is its page at bsky.app: a notice has to name it, and a deletion, which contains only account and key,
gives the same one. The at-uri can be derived from it.
"""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from schemas.ids import record_id
from schemas.messages import Medium, Post, Removal
from streams.feeds.bluesky.wire import POSTS, Event
from streams.feeds.entry import utc

PLATFORM = "bluesky"
ENTRYWAY = "https://bsky.social"
"""Serves the blobs of every account that Bluesky hosts itself."""

_EMBED = "app.bsky.embed."
_TAG = "app.bsky.richtext.facet#tag"


class _Link(msgspec.Struct, frozen=True):
    cid: str = msgspec.field(name="$link")


class _Blob(msgspec.Struct, frozen=True):
    ref: _Link | None = None
    cid: str = ""
    """In old records."""
    mime_type: str = msgspec.field(name="mimeType", default="")

    @property
    def link(self) -> str:
        return self.ref.cid if self.ref is not None else self.cid


class _Video(msgspec.Struct, frozen=True):
    video: _Blob
    alt: str = ""  # captions are WebVTT blobs, which decode does not read yet


class _Image(msgspec.Struct, frozen=True):
    image: _Blob
    alt: str = ""


class _Images(msgspec.Struct, frozen=True):
    images: list[_Image]


class _RecordWithMedia(msgspec.Struct, frozen=True):
    media: dict[str, Any]


class _Facet(msgspec.Struct, frozen=True):
    features: list[dict[str, Any]] = []


class _Record(msgspec.Struct, frozen=True):
    text: str
    created_at: str = msgspec.field(name="createdAt", default="")
    langs: list[str] = []
    tags: list[str] = []
    facets: list[_Facet] = []
    embed: dict[str, Any] | None = None


def to_record(event: Event, *, pds: str = ENTRYWAY) -> Post | Removal | None:
    """Return the post or removal of an event, None for an event of another collection.

    Parameters
    ----------
    pds
        Server whose getBlob serves the media.

    Raises
    ------
    msgspec.ValidationError
        The record does not conform to its lexicon.
    """
    if event.account is not None:
        kind = "account_back" if event.account.active else "account_gone"
        return _removal(event, kind=kind, status=event.account.status or "")
    if event.collection != POSTS:
        return None
    if event.operation == "delete":
        return _removal(event, kind="post_deleted", url=post_url(event.did, event.rkey))
    return _post(event, pds)


def post_url(did: str, rkey: str) -> str:
    """Return the address of a post."""
    return f"https://bsky.app/profile/{did}/post/{rkey}"


def _post(event: Event, pds: str) -> Post:
    record = msgspec.convert(event.record, _Record)
    seen_at = datetime.now(UTC)
    tags = [feature["tag"] for facet in record.facets for feature in facet.features if _is_tag(feature)]
    return Post(
        # By content too: an edit is another post at the same url.
        post_id=record_id(PLATFORM, f"at://{event.did}/{event.collection}/{event.rkey}", event.cid),
        platform=PLATFORM,
        url=post_url(event.did, event.rkey),
        author=event.did,
        published_at=_published_at(record.created_at, event.time_us),
        seen_at=seen_at,
        caption=record.text,
        tags=list(dict.fromkeys([*tags, *record.tags])),
        language=record.langs[0] if record.langs else None,
        media=_media(record.embed, event.did, pds),
    )


def _is_tag(feature: dict[str, Any]) -> bool:
    return feature.get("$type") == _TAG and isinstance(feature.get("tag"), str)


def _published_at(created_at: str, time_us: int) -> datetime:
    """Return when a post was published: its author's claim, unless that is later than the server's time."""
    seen_at = datetime.fromtimestamp(time_us / 1_000_000, UTC)
    try:
        claimed = datetime.fromisoformat(created_at)
    except ValueError:
        return seen_at
    return min(utc(claimed), seen_at)


def _media(embed: dict[str, Any] | None, did: str, pds: str) -> list[Medium]:
    """Return the media of an embed; unknown types hold none, because embeds are an open union."""
    match (embed or {}).get("$type", ""):
        case "app.bsky.embed.video":
            video = msgspec.convert(embed, _Video)
            return [_medium(video.video, "video", video.alt, did, pds)]
        case "app.bsky.embed.images":
            images = msgspec.convert(embed, _Images).images
            return [_medium(image.image, "image", image.alt, did, pds) for image in images]
        case "app.bsky.embed.recordWithMedia":
            return _media(msgspec.convert(embed, _RecordWithMedia).media, did, pds)
        case _:
            return []


def _medium(blob: _Blob, kind: str, alt: str, did: str, pds: str) -> Medium:
    if not blob.link:
        raise msgspec.ValidationError(f"a {kind} without a link to its bytes")
    query = urlencode({"did": did, "cid": blob.link}, quote_via=quote, safe=":")
    return Medium(url=f"{pds}/xrpc/com.atproto.sync.getBlob?{query}", kind=kind, alt=alt)


def _removal(event: Event, **fields: Any) -> Removal:  # noqa: ANN401 - fields of a removal
    return Removal(
        removal_id=record_id("removal", PLATFORM, event.identity),
        platform=PLATFORM,
        author=event.did,
        at=datetime.fromtimestamp(event.time_us / 1_000_000, UTC),
        seen_at=datetime.now(UTC),
        **fields,
    )
