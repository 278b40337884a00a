"""Fetcher of media: a link to a local file, within limits on scheme, address, size, time and redirects."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, Self
from urllib.parse import SplitResult

from streams.decode.fetch.listed import ListedMedia
from streams.decode.fetch.received import Received
from streams.decode.fetch.sources import Sources, split
from streams.decode.fetch.turns import Share, Turn, Turns
from streams.decode.fetch.unnamed import path_of, unnamed_file
from streams.decode.settings import MediaSettings
from streams.errors import RecordError, TransientError
from streams.links.addresses import AddressPolicy


class Fetcher:
    """Fetches media by link; one per worker, because it gives the turns.

    Parameters
    ----------
    settings
        Limits and allow-lists.
    policy
        Addresses that http links may lead to; by default those of the settings.
    """

    def __init__(self, settings: MediaSettings, policy: AddressPolicy | None = None) -> None:
        self._settings = settings
        self._turns = Turns(settings)
        self._sources = Sources(settings, policy or AddressPolicy(settings.allowed_hosts))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close kept connections."""
        await self._sources.close()

    @asynccontextmanager
    async def fetch(
        self, url: str, share: Share | None = None, missing: list[RecordError] | None = None
    ) -> AsyncIterator[Path]:
        """Yield a path that opens the medium until exit; the file of a fetched one has no name in any folder.

        Parameters
        ----------
        share
            Share of the post, the same for all its media; by default a new one.
        missing
            Becomes the reasons of what a playlist names and was not fetched.

        Raises
        ------
        UnprocessableError
            link_scheme, link_malformed, link_private_address, link_gone, link_forbidden, link_refused, redirect_loop,
            media_too_large, media_empty, media_playlist, media_encrypted; link_not_yet, after which the medium may
            still appear; link_slow, after which the post waits for no further turn.
        TransientError
            link_unavailable, link_timeout, link_slow.
        WorkerError
            disk_full, disk_failed.
        NoRoomError
            The post must first decode the media that it holds.
        """
        parts = split(url)
        if (path := self._sources.in_place(parts)) is not None:
            yield path
            return
        async with self._turns.turn(_origin(parts), share or Share()) as turn:
            with unnamed_file(self._settings.temporary_folder) as file:
                await self._download(url, parts, turn, file, [] if missing is None else missing)
                self._turns.finish(turn)
                yield path_of(file)

    async def _download(
        self, url: str, parts: SplitResult, turn: Turn, file: BinaryIO, missing: list[RecordError]
    ) -> None:
        received = Received(file, turn, self._settings.max_bytes, partial(self._turns.declare, turn))
        listed, bases = ListedMedia(self._sources, received, missing), [url]
        try:
            async with asyncio.timeout(self._settings.fetch_timeout_s) as turn.timer:
                await received.write(self._sources.read(url, received.declare, located=bases.append))
                if received.is_playlist():
                    await listed.fetch(bases[-1])
        except TimeoutError as error:
            late = self._late(parts, turn)
            if turn.was_ended or not listed.has_media:
                raise late from error
            missing.append(late)

    def _late(self, parts: SplitResult, turn: Turn) -> TransientError:
        if turn.was_ended:
            return TransientError("link_slow", f"{parts.hostname} was among the slowest when too many were slow")
        return TransientError(
            "link_timeout",
            f"{parts.hostname} took more than {self._settings.fetch_timeout_s:g} s (JIKIMI_MEDIA_FETCH_TIMEOUT_S)",
        )


def _origin(parts: SplitResult) -> str:
    """Return scheme, host and port: those of a link count as one host."""
    return f"{parts.scheme}://{parts.hostname}:{parts.port or ''}"
