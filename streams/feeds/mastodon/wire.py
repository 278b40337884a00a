"""Posts and removals from Mastodon's events."""

from datetime import UTC, datetime

import msgspec

from schemas.ids import record_id
from schemas.messages import Medium, Post, Removal
from streams.feeds.entry import utc
from streams.links.markup import Piece, pieces

PLATFORM = "mastodon"

MALFORMED = "broken"
"""Event name of a malformed frame; the payload is the frame."""
_KINDS = {"video": "video", "gifv": "video", "image": "image", "audio": "audio"}


class StreamEvent(msgspec.Struct, frozen=True):
    """One event of a stream."""

    event: str
    payload: str
    """JSON of a status, or the bare id of a deleted one."""


class _Account(msgspec.Struct, frozen=True):
    url: str


class _Attachment(msgspec.Struct, frozen=True):
    type: str = "unknown"
    url: str | None = None
    """On the server of the stream; null if that has not fetched it."""
    remote_url: str | None = None
    description: str | None = None


class _Tag(msgspec.Struct, frozen=True):
    name: str


class Status(msgspec.Struct, frozen=True):
    """A post, which Mastodon calls a status; only the fields that the feed uses."""

    id: str
    """On the server of the stream."""
    uri: str
    """The same on every server."""
    account: _Account
    created_at: datetime
    url: str | None = None
    edited_at: str | None = None
    content: str = ""
    """HTML."""
    spoiler_text: str = ""
    language: str | None = None
    media_attachments: list[_Attachment] = []
    tags: list[_Tag] = []
    reblog: "Status | None" = None

    @property
    def address(self) -> str:
        """Address of its page."""
        return self.url or self.uri


def to_post(status: Status) -> Post:
    """Return the post of a status other than a boost; an edit is another post at the same url."""
    return Post(
        post_id=record_id(PLATFORM, status.uri, status.edited_at or ""),
        platform=PLATFORM,
        url=status.address,
        author=status.account.url,
        published_at=utc(status.created_at),
        seen_at=datetime.now(UTC),
        caption="\n\n".join(filter(None, [status.spoiler_text, plain_text(status.content)])),
        tags=[tag.name for tag in status.tags],
        language=status.language,
        media=[medium for attachment in status.media_attachments if (medium := _medium(attachment)) is not None],
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


def plain_text(html: str) -> str:
    """Return the text of a status's HTML, as people read it."""
    return "".join(map(_text, pieces(html))).strip()


def _text(piece: Piece) -> str:
    if piece.is_end:
        return "\n\n" if piece.name == "p" else ""
    return f"\n{piece.text}" if piece.name in {"br", "li"} else piece.text


def _medium(attachment: _Attachment) -> Medium | None:
    url = attachment.url or attachment.remote_url
    if url is None:
        return None
    return Medium(url=url, kind=_KINDS.get(attachment.type), alt=attachment.description or "")
