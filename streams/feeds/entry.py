"""A post in JSON, as people and other programs write it."""

from datetime import UTC, datetime

import msgspec

from schemas.ids import record_id
from schemas.messages import Medium, Post

MAX_ENTRY_BYTES = 500_000
"""Of one post in JSON. A record of the posts topic holds 1 MiB; a longer entry is refused, and its beginning kept."""


class EntryError(ValueError):
    """The JSON lacks a required part of a post; the message explains the reason to a person."""


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fields of a post in JSON; a misspelt field is refused, because it could hide media."""

    post_id: str | None = None
    platform: str | None = None
    url: str | None = None
    author: str | None = None
    published_at: datetime | None = None
    """ISO 8601; UTC without a zone. Now if left out; the same holds for `seen_at`."""
    seen_at: datetime | None = None
    caption: str = ""
    tags: list[str] = []
    language: str | None = None
    alt: str = ""
    """Alternative text, where the medium is given elsewhere."""
    media: list[str | Medium] = []
    """Links, or links with their attributes."""

    def to_post(
        self, *, post_id: str, platform: str, url: str, published_at: datetime | None = None, media: list[Medium]
    ) -> Post:
        """Return the post; fields of the entry take precedence over the arguments, except the media."""
        now = datetime.now(UTC)
        return Post(
            post_id=self.post_id or post_id,
            platform=self.platform or platform,
            url=self.url or url,
            author=self.author,
            published_at=utc(self.published_at or published_at or now),
            seen_at=utc(self.seen_at or now),
            caption=self.caption,
            tags=self.tags,
            language=self.language,
            media=media,
        )


def parse_entry(raw: bytes) -> Entry:
    """Return the entry in one JSON object.

    Raises
    ------
    EntryError
        It is too long, or not a JSON object with only the fields of an entry and values of the right types.
    """
    if len(raw) > MAX_ENTRY_BYTES:
        raise EntryError(f"more than {MAX_ENTRY_BYTES} bytes")
    try:
        return msgspec.json.decode(raw, type=Entry)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise EntryError(str(error)) from error


def post_of(entry: Entry, *, feed: str, raw: bytes) -> Post:
    """Return the post of an entry that names its own media.

    Parameters
    ----------
    feed
        Slug of the feed; also the platform if the entry names none.
    raw
        The original bytes of the entry: the post's id depends on them if the entry has neither id nor url.

    Raises
    ------
    EntryError
        The entry has no media, caption or tags.
    """
    media = [Medium(url=medium) if isinstance(medium, str) else medium for medium in entry.media]
    if not (media or entry.caption or entry.tags):
        raise EntryError("a post needs media, a caption or tags")
    if entry.alt:
        raise EntryError('alt belongs to a medium: write media as [{"url": …, "alt": …}]')
    url = entry.url or (media[0].url if media else "")
    platform = entry.platform or feed
    post_id = record_id(f"feed-{feed}", platform, entry.url or raw.strip())
    return entry.to_post(post_id=post_id, platform=platform, url=url, media=media)


def utc(time: datetime) -> datetime:
    """Return the time in UTC; a time without a zone is in UTC already."""
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
