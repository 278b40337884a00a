"""Media attached to a status: at the server of the stream, or at their own if that has not fetched them."""

from schemas.messages import Medium
from streams.feeds.fields import Fields
from streams.links.urls import joined, parts_of

_KINDS = {"video": "video", "gifv": "video", "image": "image", "audio": "audio"}
_PLACEHOLDERS = {"missing.png", "no-preview.png", "file-not-available.png", "not-found.png"}
"""Files that servers show instead of a medium that they do not have."""


def media(status: Fields, server: str) -> list[Medium]:
    """Return the media of a status; one without an address is noted for a dead letter beside the post.

    Parameters
    ----------
    server
        Address of the server of the stream, for addresses on it without a host.
    """
    attachments = status.raw("media_attachments")
    if attachments is not None and not isinstance(attachments, list):
        status.notes.add_unread("feed_medium_unreadable", "media_attachments: not a list")
    elif any(not isinstance(item, dict) for item in attachments or []):
        status.notes.add_unread("feed_medium_unreadable", "media_attachments: an item that is not an object")
    found = (_medium(attachment, server) for attachment in status.each("media_attachments"))
    return [medium for medium in found if medium is not None]


def _medium(attachment: Fields, server: str) -> Medium | None:
    kind, alt = attachment.text("type"), attachment.text("description")
    url = _address(attachment, server, is_unknown=kind not in _KINDS)
    if url is None:
        attachment.notes.add_unread("feed_medium_unreadable", f"an attachment without an address: {alt}")
        return None
    return Medium(url=url, kind=_KINDS.get(kind), alt=alt)


def _address(attachment: Fields, server: str, *, is_unknown: bool) -> str | None:
    """Return the address of an attachment, None without one.

    The server's copy comes first, unless it has none: then the type is unknown, or the address is a placeholder's. If
    there is neither a copy nor an original, a preview is left.
    """
    names = ("remote_url", "url") if is_unknown else ("url", "remote_url")
    given = [attachment.text(name) for name in (*names, "preview_url", "preview_remote_url")]
    absolute = (joined(f"{server}/", url) for url in given if url)
    return next((url for url in absolute if url and not is_placeholder(url)), None)


def is_placeholder(url: str) -> bool:
    """Return whether an address is that of a picture instead of a missing medium."""
    return parts_of(url).path.rpartition("/")[2] in _PLACEHOLDERS
