"""Bluesky's records as posts and removals.

A post's url is its page at bsky.app: a notice has to name it, and a deletion, which contains only account and key,
gives the same one. The at-uri can be derived from it.
"""

from datetime import UTC, datetime
from typing import Any

from schemas.ids import record_id
from schemas.messages import Post, Removal
from streams.feeds.bluesky.embeds import ENTRYWAY, Embed
from streams.feeds.bluesky.wire import POSTS, Account, Event
from streams.feeds.entry_error import EntryError
from streams.feeds.fields import Fields
from streams.feeds.text import joined
from streams.feeds.times import from_text, seen

PLATFORM = "bluesky"
_GONE = {"takendown", "suspended", "deleted", "deactivated"}
"""States of an account whose posts are not shown. desynchronized, throttled and states that are not named describe a
server's copy of the account, while its posts may still be shown."""


def to_record(event: Event, *, pds: str = ENTRYWAY) -> Post | Removal | None:
    """Return the post or removal of an event, None for an event of another collection or state.

    Parameters
    ----------
    event
        Its notes get what the post lacks of the record.
    pds
        Server whose getBlob serves the media.

    Raises
    ------
    EntryError
        The record has nothing that can be read.
    """
    if event.account is not None:
        return _account_removal(event, event.account)
    if event.collection != POSTS:
        return None
    if event.operation == "delete":
        return _removal(event, kind="post_deleted", url=post_url(event.did, event.rkey))
    return _post(event, Fields(event.record, event.notes, "record"), pds)


def post_url(did: str, rkey: str) -> str:
    """Return the address of a post."""
    return f"https://bsky.app/profile/{did}/post/{rkey}"


def _account_removal(event: Event, account: Account) -> Removal | None:
    if not account.active and account.status not in _GONE:
        return None
    return _removal(event, kind="account_back" if account.active else "account_gone", status=account.status)


def _post(event: Event, record: Fields, pds: str) -> Post:
    seen_at = datetime.now(UTC)
    embed = Embed(record, event.did, pds)
    text, features = record.required_text("text"), _features(record)
    links = [link for feature in features for link in (feature.text("uri"),) if link not in text]
    tags = [*(feature.text("tag") for feature in features), *record.texts("tags")]
    caption = joined(text, *links, *_old_links(record, text), *embed.texts)
    if not (caption or any(tags) or embed.media) and (odd := str(event.notes)):
        raise EntryError(odd)
    return Post(
        # By content too: an edit is another post at the same url.
        post_id=record_id(PLATFORM, f"at://{event.did}/{event.collection}/{event.rkey}", event.cid),
        platform=PLATFORM,
        url=post_url(event.did, event.rkey),
        author=event.did,
        published_at=_published_at(record, event, seen_at),
        seen_at=seen_at,
        caption=caption,
        tags=list(dict.fromkeys(filter(None, tags))),
        language=next(iter(record.texts("langs")), None),
        media=embed.media,
        notes=event.notes.lines,
    )


def _features(record: Fields) -> list[Fields]:
    """Return the annotations of the text: links behind words, and tags."""
    return [feature for facet in record.each("facets") for feature in facet.each("features")]


def _old_links(record: Fields, text: str) -> list[str]:
    """Return the links of `entities`, which records had before facets."""
    links = [entity.text("value") for entity in record.each("entities") if entity.text("type") == "link"]
    return [link for link in links if link not in text]


def _published_at(record: Fields, event: Event, seen_at: datetime) -> datetime:
    """Return when a post was published: its author's claim, unless that is later than the server's time."""
    served_at = datetime.fromtimestamp(event.time_us / 1_000_000, UTC) if event.time_us else seen_at
    return min(seen(from_text(record.raw("createdAt")), served_at, event.notes, "createdAt"), served_at)


def _removal(event: Event, **fields: Any) -> Removal:  # noqa: ANN401 - fields of a removal
    now = datetime.now(UTC)
    return Removal(
        removal_id=record_id("removal", PLATFORM, event.identity),
        platform=PLATFORM,
        author=event.did,
        at=datetime.fromtimestamp(event.time_us / 1_000_000, UTC) if event.time_us else now,
        seen_at=now,
        **fields,
    )
