"""Address to media: a medium is its own, a page is read for the media that it names. Within limits, never a login."""

import asyncio
import re
from collections.abc import Sequence
from contextlib import aclosing
from typing import NamedTuple, Self
from urllib.parse import urlsplit

import structlog

from schemas.messages import Medium
from streams.decode.fetch.received import is_manifest
from streams.decode.fetch.web import HttpSource
from streams.decode.settings import MediaSettings
from streams.desk.checking.page import Page, media_of, read_page
from streams.desk.checking.resolved import MAX_MEDIA, NOTHING, LastReader, NoLastReader, PageReader, Resolved
from streams.errors import RecordError, TransientError, UnprocessableError
from streams.feeds.text import joined
from streams.links.addresses import AddressPolicy

log = structlog.get_logger()

MAX_PAGE_BYTES = 2 * 1024 * 1024
"""Beginning of a page that is read."""
_MAX_IMAGES = 2
_MAX_PLAYERS = 2
"""Pages of players of one page that are read, where it names no video itself."""
_NAMES_NOTHING = "the page names no video, sound or picture"
_TIMEOUT_S = 20.0
_SNIFFED_BYTES = 1_024
_LOGIN = re.compile(r"/(?:[a-z]{2}/)?(?:accounts?/)?(?:log|sign)[-_]?in\b", re.IGNORECASE)


class _Opaque(NamedTuple):
    """A page that names no video and no sound."""

    at: str
    """Its address after redirects."""
    page: Page


class Resolver:
    """Resolves addresses, each within 20 s and the time of the last reader; connections go to checked addresses only.

    Parameters
    ----------
    policy
        Addresses that links may lead to; by default those of the settings.
    readers
        Readers that are asked before the page is, in order.
    last
        Reader that is asked after the page, where that names no video and no sound.
    """

    def __init__(
        self,
        settings: MediaSettings,
        policy: AddressPolicy | None = None,
        readers: Sequence[PageReader] = (),
        last: LastReader = NoLastReader(),  # noqa: B008 - it has no state
    ) -> None:
        self._source = HttpSource(settings, policy or AddressPolicy(settings.allowed_hosts))
        self._readers, self._last = readers, last

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
            As of `HttpSource.read`; link_login: the page asks for a login; page_without_media; as of the last reader.
        TransientError
            As of `HttpSource.read`; link_timeout.
        """
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                for reader in self._readers:
                    if (found := await reader.read(address)) is not None:
                        return found
                opened = await self._resolve(address)
        except TimeoutError as error:
            host = urlsplit(address).hostname
            raise TransientError("link_timeout", f"{host} took more than {_TIMEOUT_S:g} s") from error
        return opened if isinstance(opened, Resolved) else await self._of_opaque(opened)

    async def _resolve(self, address: str) -> Resolved | _Opaque:
        body, at = await self._fetch(address)
        if body is None:
            return Resolved(address, [Medium(url=address)], n_named=1)
        page = await asyncio.to_thread(read_page, body, at)
        media = page.media or await self._of_players(page)
        if not media:
            return _Opaque(at, page)
        found = media_of(Page(media, page.images), MAX_MEDIA, _MAX_IMAGES)
        return Resolved(at, found, page.words, n_named=len(media))

    async def _of_opaque(self, opaque: _Opaque) -> Resolved:
        """Return what the last reader finds in a page, besides its pictures."""
        at, page = opaque
        pictures = media_of(page, 0, _MAX_IMAGES)
        try:
            found = await self._last.read(at)
        except RecordError as error:
            return _without(opaque, pictures, error)
        words, n_named = joined(page.words, found.words), found.n_named + len(pictures)
        return Resolved(at, [*found.media, *pictures], words, n_named=n_named)

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
        """Return the beginning of a page, None for what is not a page, and its address after redirects."""
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


def _without(opaque: _Opaque, pictures: Sequence[Medium], error: RecordError) -> Resolved:
    """Return the pictures of a page in which the last reader finds nothing; raise why if it has none."""
    at, page = opaque
    if page.asks_password or _LOGIN.search(urlsplit(at).path):
        raise UnprocessableError("link_login", f"{urlsplit(at).hostname} asks for a login") from error
    is_refusal = error.reason != NOTHING
    if not pictures:
        raise error if is_refusal else UnprocessableError(NOTHING, f"{_NAMES_NOTHING}; {error.detail}")
    return Resolved(at, pictures, page.words, n_named=len(page.images), missing=error if is_refusal else None)


def _is_page(body: bytearray) -> bool:
    """Return whether content is a page, by its beginning: what servers call it is often wrong."""
    head = bytes(body[:_SNIFFED_BYTES]).lstrip(b"\xef\xbb\xbf \r\n\t")
    return head.startswith(b"<") and not is_manifest(bytes(body[:4096]))
