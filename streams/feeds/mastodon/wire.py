"""Posts and removals from Mastodon's events, also as other servers with its interface write them."""

from datetime import UTC, datetime
from functools import cached_property

import msgspec

from schemas.ids import record_id
from schemas.messages import Medium, Post, Removal
from streams.feeds.entry_error import EntryError
from streams.feeds.fields import Fields
from streams.feeds.json_text import read_json
from streams.feeds.mastodon.attachments import is_placeholder, media
from streams.feeds.mastodon.html import Html
from streams.feeds.notes import Notes
from streams.feeds.text import joined
from streams.feeds.times import from_text, seen

PLATFORM = "mastodon"

MALFORMED = "broken"
"""Event name of a malformed frame; the payload is the frame."""
_MAX_ADDRESS = 2_048
"""Characters of an address, as in browsers: addresses become keys, which are small."""
_MAX_VERSION = 64


class StreamEvent(msgspec.Struct, frozen=True):
    """One event of a stream."""

    event: str
    payload: str
    """JSON of a status, or the bare id of a deleted one."""


class Status:
    """A post, which Mastodon calls a status.

    Parameters
    ----------
    fields
        Of the status; its notes get what its post lacks.

    Raises
    ------
    EntryError
        It has no id, or no address.
    """

    def __init__(self, fields: Fields) -> None:
        self.fields = fields
        self.id = fields.id("id")
        """On the server of the stream."""
        self.uri = _bounded(fields.text("uri")) or _bounded(fields.text("url"))
        """The same on every server."""
        self.address = _bounded(fields.text("url")) or self.uri
        """Address of its page."""
        if not self.uri:
            raise EntryError(f"neither uri nor url, of at most {_MAX_ADDRESS} characters")
        self.version = fields.text("edited_at")[:_MAX_VERSION]
        """Time of the last edit, empty if there was none."""

    @property
    def created_at(self) -> datetime | None:
        """Time of publication, None if it is none from 1970 to 2100."""
        return from_text(self.fields.raw("created_at"))

    @cached_property
    def reblog(self) -> "Status | None":
        """The post that this one boosts."""
        return _status(self.fields, "reblog")

    @cached_property
    def quote(self) -> "Status | None":
        """The post that this one quotes: in Mastodon's form, or as forks of it and Pleroma write it."""
        quoted = self.fields.raw("quote")
        if isinstance(quoted, dict) and isinstance(quoted.get("quoted_status"), dict):
            return _status(self.fields.within("quote"), "quoted_status")
        return _status(self.fields, "quote") or _status(_extension(self.fields, "pleroma"), "quote")


def parse_status(payload: str | bytes) -> Status:
    """Return the status in JSON.

    Raises
    ------
    EntryError
        It is malformed, or lacks an id or an address.
    """
    notes = Notes()
    return Status(Fields(read_json(payload, notes), notes))


def to_post(status: Status, server: str = "") -> Post:
    """Return the post of a status other than a boost; an edit is another post at the same url.

    Parameters
    ----------
    server
        Address of the server of the stream.

    Raises
    ------
    EntryError
        It has nothing that can be read.
    """
    fields, notes, seen_at = status.fields, status.fields.notes, datetime.now(UTC)
    content = Html(fields.text("content"))
    caption = joined(fields.text("spoiler_text"), content.caption, *_extra_texts(fields))
    tags = [tag for item in fields.each("tags") if (tag := item.text("name"))]
    found = [*media(fields, server), *content.media, *_card_picture(fields.within("card"))]
    if not (caption or tags or found) and (odd := str(notes)):
        raise EntryError(odd)
    return Post(
        post_id=record_id(PLATFORM, status.uri, status.version),
        platform=PLATFORM,
        url=status.address,
        author=_author(fields.within("account")),
        published_at=seen(status.created_at, seen_at, notes, "created_at"),
        seen_at=seen_at,
        caption=caption,
        tags=tags,
        language=fields.text("language") or None,
        media=found,
        notes=notes.lines,
    )


def to_removal(server: str, status_id: str, url: str) -> Removal:
    """Return the removal of a status, by the server of the stream, the id on that server and the url of the post."""
    now = datetime.now(UTC)
    return Removal(
        removal_id=record_id("removal", PLATFORM, server, status_id),
        platform=PLATFORM,
        kind="post_deleted",
        url=url,
        at=now,  # the event has no time
        seen_at=now,
    )


def _status(fields: Fields, name: str) -> Status | None:
    """Return the status in a field; one that is not whole, such as a quote without its post, is none."""
    if not isinstance(fields.raw(name), dict):
        return None
    found = Fields(fields.raw(name), Notes())
    return Status(found) if found.has("id") and (found.has("uri") or found.has("url")) else None


def _extension(fields: Fields, name: str) -> Fields:
    return fields.within(name) if isinstance(fields.raw(name), dict) else Fields({}, fields.notes)


def _bounded(address: str) -> str:
    return address if len(address) <= _MAX_ADDRESS else ""


def _author(account: Fields) -> str | None:
    return next((found for name in ("url", "uri", "acct") if (found := _bounded(account.text(name)))), None)


def _extra_texts(fields: Fields) -> list[str]:
    """Return the texts beside the content: title, options of a poll, and a card's words and addresses."""
    card = fields.within("card")
    options = [option.text("title") for option in fields.within("poll").each("options")]
    names = ("url", "title", "description", "author_name", "author_url", "provider_name", "embed_url")
    words = [Html(card.text(name)).text if name == "description" else card.text(name) for name in names]
    authors = [author.text("name") for author in card.each("authors")]
    titles = [_extension(fields, name).text("title") for name in ("friendica",)]
    content = fields.text("content")
    return [*titles, *options, *(word for word in [*words, *authors] if word not in content)]


def _card_picture(card: Fields) -> list[Medium]:
    image = card.text("image")
    is_link = image.startswith(("http://", "https://")) and not is_placeholder(image)
    return [Medium(url=image, kind="image", alt=card.text("image_description"))] if is_link else []
