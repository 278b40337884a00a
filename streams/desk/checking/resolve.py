"""Address to media: a medium is its own, a page is read for the media that it names. Within limits, never a login."""

import asyncio
import re
from collections.abc import Sequence
from contextlib import aclosing
from typing import NamedTuple, Protocol, Self
from urllib.parse import urlsplit

import structlog

from schemas.messages import DeadLetter, Medium, Post
from streams.decode.fetch.received import is_manifest
from streams.decode.fetch.web import HttpSource
from streams.decode.settings import MediaSettings
from streams.desk.checking.page import Page, media_of, read_page
from streams.errors import TransientError, UnprocessableError
from streams.links.addresses import AddressPolicy

log = structlog.get_logger()

MAX_MEDIA = 20
"""Videos and sounds of one page that are checked; a list of thousands is somebody's whole channel."""
MAX_PAGE_BYTES = 2 * 1024 * 1024
"""Beginning of a page that is read."""
_MAX_IMAGES = 2
_MAX_PLAYERS = 2
"""Pages of players of one page that are read, where it names no video itself."""
_TIMEOUT_S = 20.0
_SNIFFED_BYTES = 1_024
_LOGIN = re.compile(r"/(?:[a-z]{2}/)?(?:accounts?/)?(?:log|sign)[-_]?in\b", re.IGNORECASE)


class Resolved(NamedTuple):
    """Media of one address."""

    address: str
    """Of the page after redirects; of a medium as it was given, because those of media stores change."""
    media: Sequence[Medium]
    words: str = ""
    n_named: int = 0
    """Media that the page names, also those beyond `MAX_MEDIA`."""
    post: Post | None = None
    """The page's post, where its platform gave it whole, as a feed does; its media are those above."""
    letters: Sequence[DeadLetter] = ()
    """Dead letters beside it."""


class PageReader(Protocol):
    """Further reader of pages, such as those of a platform's interface; asked before the page is."""

    async def read(self, address: str) -> Resolved | None:
        """Return the media of a page, None if it has nothing for this address; raises as `Resolver.resolve`."""


class Resolver:
    """Resolves addresses, each within 20 s; every connection goes to a checked address.

    Parameters
    ----------
    policy
        Addresses that links may lead to; by default those of the settings.
    readers
        Further readers of pages, in order.
    """

    def __init__(
        self, settings: MediaSettings, policy: AddressPolicy | None = None, readers: Sequence[PageReader] = ()
    ) -> None:
        self._source = HttpSource(settings, policy or AddressPolicy(settings.allowed_hosts))
        self._readers = readers

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close kept connections."""
        await self._source.close()

    async def resolve(self, address: str) -> Resolved:
        """Return the media of an address.

        Raises
        ------
        UnprocessableError
            As of `HttpSource.read`; link_login: the page asks for a login; page_without_media.
        TransientError
            As of `HttpSource.read`; link_timeout.
        """
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                for reader in self._readers:
                    if (found := await reader.read(address)) is not None:
                        return found
                return await self._resolve(address)
        except TimeoutError as error:
            host = urlsplit(address).hostname
            raise TransientError("link_timeout", f"{host} took more than {_TIMEOUT_S:g} s") from error

    async def _resolve(self, address: str) -> Resolved:
        body, at = await self._fetch(address)
        if body is None:
            return Resolved(address, [Medium(url=address)], n_named=1)
        page = await asyncio.to_thread(read_page, body, at)
        media = page.media or await self._of_players(page)
        page = Page(media, page.images, [], page.words, page.asks_password)
        if not media and (page.asks_password or _LOGIN.search(urlsplit(at).path)):
            raise UnprocessableError("link_login", f"{urlsplit(at).hostname} asks for a login")
        if not (found := media_of(page, MAX_MEDIA, _MAX_IMAGES)):
            raise UnprocessableError("page_without_media", "the page names no video, sound or picture")
        return Resolved(at, found, page.words, n_named=len(media) or len(page.images))

    async def _of_players(self, page: Page) -> dict[str, str]:
        """Return the media of the pages of players that a page names; one that cannot be read has none."""
        found: dict[str, str] = {}
        for player in page.players[:_MAX_PLAYERS]:
            try:
                body, at = await self._fetch(player)
                found |= {player: "video"} if body is None else (await asyncio.to_thread(read_page, body, at)).media
            except (UnprocessableError, TransientError) as error:
                log.info("player not read", reason=error.reason)
        return found

    async def _fetch(self, address: str) -> tuple[bytes | None, str]:
        """Return the beginning of a page, None for what is no page, and its address after redirects."""
        body, located = bytearray(), [address]
        chunks = self._source.read(address, lambda _: None, located=located.append)
        async with aclosing(chunks):
            async for chunk in chunks:
                body += chunk
                if len(body) >= MAX_PAGE_BYTES or (len(body) >= _SNIFFED_BYTES and not _is_page(body)):
                    break
        if not body:
            raise UnprocessableError("media_empty", f"{urlsplit(address).hostname} answered with nothing")
        return bytes(body[:MAX_PAGE_BYTES]) if _is_page(body) else None, located[-1]


def _is_page(body: bytearray) -> bool:
    """Return whether content is a page, by its beginning: what servers call it is often wrong."""
    head = bytes(body[:_SNIFFED_BYTES]).lstrip(b"\xef\xbb\xbf \r\n\t")
    return head.startswith(b"<") and not is_manifest(bytes(body[:4096]))
