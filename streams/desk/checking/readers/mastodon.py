"""Links to posts of Mastodon, read by the interface of their server: all media, the text, and the live feed's id.

Any server may be asked, and any may be an uploader's. So it gives its own posts only: one that it has of another
server is asked of that one, or else is read as a page.
"""

import asyncio
import re
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx
import msgspec
import structlog

from streams.desk.checking.readers.found import FEED, found
from streams.desk.checking.resolved import Resolved
from streams.desk.search.mastodon import records_of
from streams.desk.search.platform import RefusedError
from streams.desk.search.query import get
from streams.feeds.guard import guarded
from streams.feeds.mastodon.wire import Status, parse_status

log = structlog.get_logger()

_PATH = re.compile(
    r"(?:/(?:web|deck))?/(?:@[^/@]{1,255}(?:@[^/@]{1,255})?|(?:ap/)?users/[^/]{1,255}/statuses)/([0-9]{1,40})/?"
)
_TIMEOUT_S = 8.0
"""Then the page is read instead."""
_MAX_SERVERS = 2
"""That of the link, and that of the post."""


class _Named(NamedTuple):
    server: str
    """Scheme and host."""
    status_id: str


class MastodonPosts:
    """Reader of pages of posts at servers of Mastodon.

    Parameters
    ----------
    client
        Connects to checked addresses only.
    own
        Server of the settings: its copies of others' posts are taken, as its streams are.
    token
        Of a user of it; no other server gets it.
    """

    def __init__(self, client: httpx.AsyncClient, own: str = "", token: str = "") -> None:
        self._client, self._own, self._token = client, own.rstrip("/"), token

    async def read(self, address: str) -> Resolved | None:
        """Return the post of a page; None for other pages, and where the server refuses."""
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                return await self._read(address)
        except (RefusedError, TimeoutError) as error:
            log.info("post not read by the interface", platform="mastodon", error=str(error) or type(error).__name__)
            return None

    async def _read(self, address: str) -> Resolved | None:
        for _ in range(_MAX_SERVERS):
            if (named := _named(address)) is None:
                return None
            token = self._token if named.server == self._own else ""
            raw = await get(self._client, f"{named.server}/api/v1/statuses/{named.status_id}", {}, token)
            status = _status(raw)
            if status is None:
                return None
            if named.server == self._own or _is_of(status, named.server):
                return found(records_of(raw, named.server, FEED))
            address = status.address
        return None


def _named(address: str) -> _Named | None:
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    named = _PATH.fullmatch(parts.path)
    if named is None or parts.scheme not in {"https", "http"}:
        return None
    return _Named(f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}", named[1])


def _status(raw: object) -> Status | None:
    """Return the status, of a boost the boosted one; None for anything else."""

    def parsed() -> Status | None:
        status = parse_status(msgspec.json.encode(raw))
        return status.reblog or status

    return guarded(FEED, parsed, lambda _: None)


def _is_of(status: Status, server: str) -> bool:
    """Return whether both addresses of a post, which become its id and what a notice names, are of a server."""
    return all(address.lower().startswith(f"{server}/") for address in (status.uri, status.address))
