"""Posts of addresses that persons ask to be checked."""

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urldefrag, urlsplit

from schemas.ids import record_id
from schemas.messages import Medium, Post, PostRef
from streams.delivery.platforms.registry import Registry

MAX_CHARACTERS = 2_000
"""Of one address, as browsers take."""


def is_address(text: str) -> bool:
    """Return whether a text is an address of the web, whole and not too long."""
    if len(text) > MAX_CHARACTERS or not text.isprintable() or " " in text:
        return False
    try:
        parts = urlsplit(text)
        _ = parts.port  # parsed, and so validated, only on access
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def checked_post(
    registry: Registry, address: str, now: datetime, media: Sequence[Medium] = (), caption: str = ""
) -> Post:
    """Return the post of an address, whose id is the address's alone: whoever asks again makes no second takedown.

    Parameters
    ----------
    media
        Media of the page at the address; by default the address is that of a medium.
    caption
        Words of the page.
    """
    address = urldefrag(address).url
    post_id = record_id("checked-link", address)
    of_host = PostRef(post_id=post_id, platform="", url=address, published_at=now, seen_at=now)
    return Post(
        post_id=post_id,
        platform=next(iter(registry.find(of_host)[1].posts), "web"),
        url=address,
        published_at=now,
        seen_at=now,
        caption=caption,
        media=list(media) or [Medium(url=address)],
    )
