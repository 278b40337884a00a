"""Posts of a notice: where each one is, and what of it agrees with a reference."""

import re
from collections.abc import Iterable

from schemas.ids import full_name
from schemas.messages import Evidence, NoticeItem, NoticeMatch, PostRef, Takedown, shared_fields
from streams.delivery.notices.lines import one_line, one_url

_MAX_MATCHES = 10
"""Passages of one post, the most probable ones; the evidence pack has all of them."""
_BLUESKY = re.compile(r"https://[^/]+/profile/(?P<account>[^/]+)/post/(?P<key>[^/?#]+)")
_MASTODON = re.compile(r"https?://[^/]+/(?:@[^/]+|users/[^/]+/statuses)/(?P<status>\d+)")
_TEXT_OF_POST = -1


def notice_item(takedown: Takedown) -> NoticeItem:
    """Return the post of a takedown as a notice describes it, without thumbnails, terms or links of the post."""
    return NoticeItem(
        takedown_id=takedown.takedown_id,
        url=one_url(takedown.post.url),
        native_ids=native_ids(takedown.post),
        author=one_line(takedown.post.author) if takedown.post.author else None,
        content_types=content_types(takedown.evidence),
        published_at=takedown.post.published_at,
        first_seen=takedown.post.seen_at,
        detected_at=takedown.at,
        matches=[_match(evidence) for evidence in _best(takedown.evidence)],
        probability=takedown.probability,
        act_at=takedown.act_at,
    )


def is_text_alone(takedown: Takedown) -> bool:
    """Return whether only texts agree: nothing shows that the post has a copy."""
    return bool(takedown.evidence) and all(evidence.modality == "text" for evidence in takedown.evidence)


def native_ids(post: PostRef) -> dict[str, str]:
    """Return the ids of a post by the platform's own names, as far as its URL and author hold them."""
    if post.platform == "bluesky" and (found := _BLUESKY.match(post.url)):
        account = post.author if post.author and post.author.startswith("did:") else found["account"]
        return {"at_uri": one_url(f"at://{account}/app.bsky.feed.post/{found['key']}")}
    if post.platform == "mastodon" and (found := _MASTODON.match(post.url)):
        return {"status_id": found["status"]}
    return {}


def content_types(evidence: Iterable[Evidence]) -> list[str]:
    """Return the DSA's content types of what agrees: a still picture has no duration."""
    found = set(map(_content_type, evidence))
    return [name for name in ("VIDEO", "IMAGE", "AUDIO", "TEXT") if name in found] or ["VIDEO"]


def _content_type(evidence: Evidence) -> str:
    if evidence.modality in {"audio", "voice"}:
        return "AUDIO"
    if evidence.modality == "text":
        return "TEXT" if evidence.medium == _TEXT_OF_POST else "VIDEO"
    return "VIDEO" if evidence.query.end_s else "IMAGE"


def _best(evidence: Iterable[Evidence]) -> list[Evidence]:
    return sorted(evidence, key=lambda one: one.probability, reverse=True)[:_MAX_MATCHES]


def _match(evidence: Evidence) -> NoticeMatch:
    fields = shared_fields(evidence, NoticeMatch, without={"model"})
    return NoticeMatch(**fields, model=full_name(evidence.model, evidence.version))
