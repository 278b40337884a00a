"""A post as people write it in JSON, and the dead letter of what cannot be read as one."""

from datetime import UTC, datetime

import msgspec

from schemas.ids import record_id
from schemas.messages import DeadLetter, Medium, Post

MAX_ENTRY_BYTES = 500_000
"""Of one post in JSON. A record of the posts topic holds 1 MiB; what is longer is refused, and its beginning kept."""


class EntryError(ValueError):
    """The JSON does not say what a post must say; the message tells a person why."""


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fields of a post as they may be written; a misspelt field is refused, for it would hide media."""

    post_id: str | None = None
    platform: str | None = None
    url: str | None = None
    author: str | None = None
    published_at: datetime | None = None
    """ISO 8601; UTC where it names no zone. Now if left out, likewise below."""
    seen_at: datetime | None = None
    caption: str = ""
    tags: list[str] = []
    language: str | None = None
    alt: str = ""
    """Alternative text, where the medium is given elsewhere."""
    media: list[str | Medium] = []
    """Links, or links with what is known of them."""

    def to_post(
        self, *, post_id: str, platform: str, url: str, published_at: datetime | None = None, media: list[Medium]
    ) -> Post:
        """Return the post; what is written in the entry wins over the arguments, except the media."""
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
    """Read one JSON object.

    Raises
    ------
    EntryError
        If it is too long, or no JSON object of known fields with values of the right types.
    """
    if len(raw) > MAX_ENTRY_BYTES:
        raise EntryError(f"more than {MAX_ENTRY_BYTES} bytes")
    try:
        return msgspec.json.decode(raw, type=Entry)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise EntryError(str(error)) from error


def post_of(entry: Entry, *, feed: str, raw: bytes) -> Post:
    """Return the post of an entry that names its media itself.

    Parameters
    ----------
    feed
        Slug of the feed; also the platform where none is named.
    raw
        The entry as it came: names the post if it has neither id nor url.

    Raises
    ------
    EntryError
        There is nothing in it to look at.
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


def refuse(raw: bytes, *, feed: str, source: str, line: int, detail: str) -> DeadLetter:
    """Return the dead letter of something that is no post.

    Parameters
    ----------
    raw
        As it came.
    feed
        Slug of the feed.
    source
        File it was read from.
    line
        Counted from 1, 0 if the whole file is meant; kept as the offset.
    """
    where = f"{source} line {line}" if line else source
    return DeadLetter(
        # By content too: a file corrected and fed again must not overwrite what was refused before.
        dead_letter_id=record_id("feed-dead-letter", feed, source, line, raw.hex()),
        stage=f"feed-{feed}",
        topic=f"feed-{feed}",
        partition=0,
        offset=line,
        reason="feed_entry_malformed",
        fate="unprocessable",
        detail=f"{where}: {detail}",
        value=raw,
        at=datetime.now(UTC),
    )


def utc(time: datetime) -> datetime:
    """Return the time in UTC, which it is taken for where it names no zone."""
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
