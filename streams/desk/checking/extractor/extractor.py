"""Reader of pages by yt-dlp, whose extractors find the media of many sites and players.

An extractor is other people's code, and runs on pages that an uploader may have written: so in a child process of the
sandbox, without files or network. Its requests are sent by this process, to checked addresses and within limits.
"""

import asyncio
import socket
from contextlib import aclosing, suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Self

import msgspec
import structlog

from schemas.messages import Medium
from streams.decode.sandbox.memory import default_budget, most_children
from streams.decode.sandbox.sandbox import Sandbox
from streams.decode.settings import MediaSettings
from streams.desk.checking.extractor.own_host import OwnHostPolicy
from streams.desk.checking.extractor.relay import Relay
from streams.desk.checking.extractor.wire import Extracted, Job
from streams.desk.checking.post import is_address
from streams.desk.checking.resolved import MAX_MEDIA, NOTHING, Resolved
from streams.errors import TransientError, UnprocessableError
from streams.links.addresses import AddressPolicy
from streams.links.client import guarded_client

log = structlog.get_logger()

WORK = "streams.desk.checking.extractor.child:work"
MEMORY_BYTES = 512 * 1024 * 1024
"""Address space of a child; with all extractors loaded it takes 75 MB."""
_AT_ONCE = 2
"""Pages at once, a child each; further ones wait."""
_TIME_S = 60.0
"""Of one page, with the start of the child; its requests have 40 s."""
_MAX_NAMED = 1_000_000
_MAX_WORDS = 5_000
_MAX_DETAIL = 200
_REASONS = frozenset({"link_login", "link_forbidden"})


def installed_version() -> str:
    """Return the version of yt-dlp, the extra "pages"; empty if it is not installed."""
    with suppress(PackageNotFoundError):
        return version("yt-dlp")
    return ""


class Extractor:
    """Runs yt-dlp on pages, each in a child process of its own: one that a page has taken over reads no other.

    Parameters
    ----------
    policy
        Addresses that links may lead to; private ones only for a page's own host.
    work
        Function of the child, as that of Sandbox.
    """

    def __init__(self, settings: MediaSettings, policy: AddressPolicy, work: str = WORK) -> None:
        self._settings, self._policy = settings, policy
        n_children = most_children(default_budget(), MEMORY_BYTES, _AT_ONCE)
        self._sandbox = Sandbox(work, n_children=n_children, n_working=n_children, memory_bytes=MEMORY_BYTES)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._sandbox.close()

    async def read(self, address: str) -> Resolved:
        """Return the videos and sounds of a page, at most `MAX_MEDIA`.

        Raises
        ------
        UnprocessableError
            page_without_media: it finds none, or fails; link_login, link_forbidden: the site refuses them.
        TransientError
            link_timeout.
        """
        found = await self._extracted(address)
        media = [Medium(url=one.url, kind=one.kind) for one in found.media if is_address(one.url)][:MAX_MEDIA]
        if not media:
            raise UnprocessableError(found.reason if found.reason in _REASONS else NOTHING, _text(found.detail))
        n_named = max(len(media), min(found.n_named, _MAX_NAMED))
        return Resolved(address, media, found.words[:_MAX_WORDS], n_named=n_named)

    async def _extracted(self, address: str) -> Extracted:
        ours, theirs = socket.socketpair()
        policy = OwnHostPolicy(self._policy, address)
        client = guarded_client(policy, timeout_s=self._settings.connect_timeout_s, max_connections=1)
        with ours, theirs:
            async with client:
                relaying = asyncio.create_task(Relay(client).serve(ours))
                try:
                    return await self._answer(Job(address, MAX_MEDIA), theirs.fileno())
                finally:
                    relaying.cancel()
                    with suppress(asyncio.CancelledError):
                        await relaying

    async def _answer(self, job: Job, descriptor: int) -> Extracted:
        """Return the child's answer; whatever becomes of the child becomes of this page only."""
        encoded = msgspec.msgpack.encode(job)
        run = self._sandbox.run(encoded, [descriptor], answer_timeout_s=_TIME_S, job_timeout_s=_TIME_S)
        try:
            async with aclosing(run):  # before its end, so that the child is killed
                answer = await anext(run)
            return msgspec.msgpack.decode(answer, type=Extracted)
        except UnprocessableError as error:
            if error.reason == "media_decode_timeout":
                raise TransientError("link_timeout", f"yt-dlp took more than {_TIME_S:g} s") from error
            too_large = error.reason == "media_decode_memory"
            detail = "it needs too much memory" if too_large else "its process ended"
            raise UnprocessableError(NOTHING, _text(detail)) from error
        except (RuntimeError, ValueError) as error:  # its own bug; an answer of another form
            log.warning("extractor failed", error=str(error))
            raise UnprocessableError(NOTHING, _text("it failed")) from error


def _text(detail: str) -> str:
    """Return why there are no media, as one line; the child may have written anything."""
    printable = "".join(one if one.isprintable() else " " for one in detail[:_MAX_DETAIL])
    return f"yt-dlp: {printable}" if printable else "yt-dlp finds none"
