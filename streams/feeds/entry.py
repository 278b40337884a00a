"""A post in JSON, as people and other programs write it."""

from datetime import UTC, datetime
from typing import Annotated, Any, get_type_hints

import msgspec
from msgspec import Meta

from schemas.ids import record_id
from schemas.messages import Medium, Post
from streams.feeds.entry_error import EntryError
from streams.feeds.fields import Fields
from streams.feeds.json_text import read_json
from streams.feeds.notes import Notes
from streams.feeds.times import plausible, seen

MAX_ENTRY_BYTES = 500_000
"""Of one post in JSON. A record of the posts topic holds 1 MiB; a longer entry is refused, and its beginning kept."""


ALT = 'alt belongs to a medium: write media as [{"url": …, "alt": …}]'


class EntryMedium(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A medium in JSON."""

    url: Annotated[str, Meta(description="Link to the file or its playlist: http, https or s3.")]
    kind: Annotated[
        str | None, Meta(description="video, image, audio or captions; found by the content if left out.")
    ] = None
    alt: Annotated[str | None, Meta(description="Alternative text; it is searched for names.")] = None

    @classmethod
    def of(cls, item: "str | EntryMedium") -> "EntryMedium":
        """Return a medium that is given as such, or only by its link."""
        return cls(url=item) if isinstance(item, str) else item

    def to_medium(self) -> Medium:
        """Return the medium of a post."""
        return Medium(url=self.url, kind=self.kind or None, alt=self.alt or "")


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fields of a post in JSON; a misspelt field is refused, because it could hide media."""

    post_id: Annotated[
        str | None,
        Meta(description="The platform's own id; made of platform and url if left out, without a url of the content."),
    ] = None
    platform: Annotated[
        str | None, Meta(description="Slug of the platform; its takedowns find their channel by it.")
    ] = None
    url: Annotated[str | None, Meta(description="Address of the post's page, which a notice names.")] = None
    author: Annotated[str | None, Meta(description="The account: a removal of an account names the same.")] = None
    published_at: Annotated[
        datetime | None, Meta(description="When it was published, ISO 8601; UTC without a zone, now if left out.")
    ] = None
    seen_at: Annotated[datetime | None, Meta(description="When the platform or crawler saw it; likewise.")] = None
    caption: Annotated[str | None, Meta(description="All text of the post; it is searched for names.")] = None
    tags: Annotated[list[str | None] | None, Meta(description="Hashtags, without the #.")] = None
    language: Annotated[str | None, Meta(description="Language of the text, BCP 47.")] = None
    alt: Annotated[str | None, Meta(description="Alternative text, only where the medium is given elsewhere.")] = None
    media: Annotated[
        list[str | EntryMedium | None] | None, Meta(description="Links, or links with their attributes.")
    ] = None

    def to_post(
        self,
        *,
        post_id: str,
        platform: str,
        url: str,
        published_at: datetime | None = None,
        media: list[Medium],
        notes: Notes,
    ) -> Post:
        """Return the post; fields of the entry take precedence over the arguments, except the media."""
        now = datetime.now(UTC)
        seen_at = seen(plausible(self.seen_at), now, notes, "seen_at") if self.seen_at else now
        given = self.published_at or published_at
        return Post(
            post_id=self.post_id or post_id,
            platform=self.platform or platform,
            url=self.url or url,
            author=self.author,
            published_at=seen(plausible(given), seen_at, notes, "published_at") if given else seen_at,
            seen_at=seen_at,
            caption=self.caption or "",
            tags=[tag for tag in self.tags or [] if tag],
            language=self.language,
            media=media,
            notes=notes.lines,
        )


def parse_entry(raw: bytes, notes: Notes, *, has_media: bool = False) -> Entry:
    """Return the entry in one JSON object.

    Of an entry that is not quite right, the fields that are wrong are left out if its media are given: they must be
    seen. Otherwise it is refused.

    Parameters
    ----------
    notes
        Gets the fields that are left out.
    has_media
        True if its medium is given elsewhere.

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
        repaired = _repaired(raw, notes)
        if repaired.media or has_media:
            return repaired
        raise EntryError(str(error)) from error


def _repaired(raw: bytes, notes: Notes) -> Entry:
    """Return the entry without its wrong fields; media and unknown fields among them are kept in a dead letter."""
    document = Fields(read_json(raw, notes), notes)
    found: dict[str, Any] = {}
    for name in document:
        if name == "media":
            found[name] = _repaired_media(document)
        elif name not in Entry.__struct_fields__:
            notes.add_unread("feed_field_unknown", f"unknown field {name[:50]!r}")
        else:
            try:
                found[name] = msgspec.convert(document.raw(name), get_type_hints(Entry)[name])
            except msgspec.ValidationError as error:
                notes.add(f"{name}: {error}")
    return Entry(**found)


def _repaired_media(document: Fields) -> list[str | EntryMedium | None]:
    found: list[str | EntryMedium | None] = []
    value = document.raw("media")
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict) and isinstance(item.get("url"), str):
            medium = Fields(item, document.notes, "media[]")
            found.append(EntryMedium(url=medium.text("url"), kind=medium.text("kind"), alt=medium.text("alt")))
        elif isinstance(item, str):
            found.append(item)
        elif item is not None:
            document.notes.add_unread("feed_medium_unreadable", "media: neither a link nor an object with a url")
    return found


def post_of(entry: Entry, *, feed: str, raw: bytes, notes: Notes) -> Post:
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
    media = [medium.to_medium() for item in entry.media or [] if item and (medium := EntryMedium.of(item)).url]
    if not (media or entry.caption or any(entry.tags or [])):
        raise EntryError("a post needs media, a caption or tags")
    if entry.alt and not media:
        raise EntryError(ALT)
    if entry.alt:
        notes.add(ALT)
    url = entry.url or (media[0].url if media else "")
    platform = entry.platform or feed
    post_id = record_id(f"feed-{feed}", platform, entry.url or raw.strip())
    return entry.to_post(post_id=post_id, platform=platform, url=url, media=media, notes=notes)
