"""Links to posts of Bluesky, read by its public interface: all media, the text, and the live feed's id."""

import asyncio
import re
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import structlog

from streams.desk.checking.readers.found import FEED, found
from streams.desk.checking.resolved import Resolved
from streams.desk.search.bluesky import records_of
from streams.desk.search.bluesky_server import BlueskyServer
from streams.desk.search.platform import RefusedError
from streams.errors import UnprocessableError
from streams.feeds.bluesky.wire import POSTS

log = structlog.get_logger()

_HOSTS = frozenset({"bsky.app", "www.bsky.app", "main.bsky.app", "staging.bsky.app"})
_ACCOUNT = r"did:[a-z]{1,20}:[A-Za-z0-9._:%-]{1,500}|[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,10}"
_KEY = r"[A-Za-z0-9._:~-]{1,512}"
_PATH = re.compile(rf"/profile/({_ACCOUNT})/post/({_KEY})/?")
_AT_URI = re.compile(rf"at://({_ACCOUNT})/{re.escape(POSTS)}/({_KEY})")
_DID = re.compile(r"did:[a-z]{1,20}:[A-Za-z0-9._:%-]{1,500}")
_TIMEOUT_S = 8.0
"""Then the page is read instead."""


class _Named(NamedTuple):
    account: str
    """DID or handle."""
    key: str


def page_of(address: str) -> str:
    """Return the page of a post that is named by its at-uri; any other address as it is."""
    named = _AT_URI.fullmatch(address)
    return f"https://bsky.app/profile/{named[1]}/post/{named[2]}" if named else address


class BlueskyPosts:
    """Reader of pages of posts at bsky.app."""

    def __init__(self, server: BlueskyServer) -> None:
        self._server = server

    async def read(self, address: str) -> Resolved | None:
        """Return the post of a page; None for other pages, and where the server refuses.

        Raises
        ------
        UnprocessableError
            link_gone: the server has no such post.
        """
        if (named := _named(address)) is None:
            return None
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                return await self._post(await self._did(named.account), named.key)
        except (RefusedError, TimeoutError) as error:
            log.info("post not read by the interface", platform="bluesky", error=str(error) or type(error).__name__)
            return None

    async def _did(self, account: str) -> str:
        if account.startswith("did:"):
            return account
        answer = await self._server.get("com.atproto.identity.resolveHandle", {"handle": account})
        did = answer.get("did")
        if not (isinstance(did, str) and _DID.fullmatch(did)):
            raise RefusedError("nonsense", f"{self._server.url} answers without a DID")
        return did

    async def _post(self, did: str, key: str) -> Resolved | None:
        uri = f"at://{did}/{POSTS}/{key}"
        posts = (await self._server.get("app.bsky.feed.getPosts", {"uris": uri})).get("posts")
        if not isinstance(posts, list):
            raise RefusedError("nonsense", f"{self._server.url} answers without posts")
        if not posts:
            raise UnprocessableError("link_gone", f"{urlsplit(self._server.url).hostname} has no such post")
        view = next((one for one in posts if isinstance(one, dict) and one.get("uri") == uri), None)
        return None if view is None else found(records_of(view, FEED))


def _named(address: str) -> _Named | None:
    parts = urlsplit(address)
    named = _PATH.fullmatch(unquote(parts.path)) if parts.hostname in _HOSTS else None
    return _Named(named[1], named[2]) if named else None
