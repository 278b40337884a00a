"""Media that an HLS playlist names, fetched into one file: initialization sections and segments in order.

Each request passes the same checks as that of any medium; all of them together have one medium's bytes and time.
"""

import asyncio
from contextlib import aclosing
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from streams.decode.fetch.playlist import MAX_SEGMENTS, Piece, Playlist, Segment, Sound, parsed, pieces
from streams.decode.fetch.received import Received
from streams.decode.fetch.web import HttpSource
from streams.errors import RecordError, UnprocessableError

_MAX_PLAYLIST_BYTES = 4 * 1024 * 1024
_MAX_FAILURES = 16
"""Pieces of one playlist that may fail; then the rest is not fetched: a playlist may name anybody's server."""


class _Media(NamedTuple):
    """A playlist of segments, and the address to which its own are relative."""

    base: str
    playlist: Playlist


class ListedMedia:
    """Fetch of what one playlist names.

    Parameters
    ----------
    received
        The fetched playlist, which the media replace.
    missing
        Becomes the reasons of what could not be fetched.
    """

    def __init__(self, source: HttpSource, received: Received, missing: list[RecordError]) -> None:
        self._source, self._received, self._missing = source, received, missing
        self.has_media = False
        """True once the file holds media."""

    async def fetch(self, base: str) -> None:
        """Replace the playlist, which came from an address, by the media that it names.

        Raises
        ------
        UnprocessableError, TransientError
            As Fetcher.fetch; media_playlist, media_encrypted.
        """
        self._missing.clear()  # of an earlier attempt
        if self._received.n_bytes > _MAX_PLAYLIST_BYTES:
            raise _too_long()
        playlist = await _parsed(self._received.taken())
        if not playlist.variants:
            await self._add(_Media(base, playlist))
        else:
            variant = playlist.variant()
            media = await self._media(base, variant.uri)
            await self._add(media)
            if sound := playlist.sound(variant):
                await self._add_sound(base, sound, media)
        if not self.has_media:
            raise self._missing.pop(0) if self._missing else _refused("the playlist names no segment")

    async def _media(self, base: str, uri: str) -> _Media:
        """Return a playlist that another one names."""
        content, bases = bytearray(), [_resolved(base, uri)]
        chunks = self._source.read(bases[0], _ignore, located=bases.append)
        async with aclosing(chunks):
            async for chunk in chunks:
                self._received.count(len(chunk))
                content += chunk
                if len(content) > _MAX_PLAYLIST_BYTES:
                    raise _too_long()
        playlist = await _parsed(bytes(content))
        if playlist.variants:
            raise _refused("a playlist of playlists of playlists")
        return _Media(bases[-1], playlist)

    async def _add(self, media: _Media) -> None:
        """Append the segments of a playlist to the file, as far as they can be had."""
        if media.playlist.is_cut:
            self._missing.append(
                UnprocessableError("media_too_long", f"{MAX_SEGMENTS} segments are fetched, the playlist names more")
            )
        clear = [segment for segment in media.playlist.segments if not segment.is_encrypted]
        if encrypted := len(media.playlist.segments) - len(clear):
            self._missing.append(UnprocessableError("media_encrypted", f"{encrypted} segments are encrypted"))
        await self._append_all(media.base, clear)

    async def _append_all(self, base: str, segments: list[Segment]) -> None:
        failures = 0
        for piece in pieces(segments):
            try:
                await self._append(base, piece)
            except UnprocessableError as error:
                self._missing.append(error)
                failures += 1
                if error.reason == "media_too_large" or failures == _MAX_FAILURES:
                    self._missing.append(UnprocessableError("media_partial", "the rest of the playlist is not fetched"))
                    return

    async def _append(self, base: str, piece: Piece) -> None:
        span = None if piece.end is None else (piece.start, piece.end)
        try:
            await self._received.write(self._source.read(_resolved(base, piece.uri), _ignore, span=span))
        finally:
            self.has_media = self._received.n_bytes > 0

    async def _add_sound(self, base: str, sound: Sound, picture: _Media) -> None:
        """Append a rendition of sound as a further part of the file; only MP4 has parts that are told apart."""
        try:
            media = await self._media(base, sound.uri)
        except UnprocessableError as error:
            self._missing.append(error)
            return
        if not _has_init(picture) or not _has_init(media):
            detail = "the sound of the playlist is apart from its picture, and not in MP4"
            self._missing.append(UnprocessableError("media_partial", detail))
            return
        await self._add(media)


def _has_init(media: _Media) -> bool:
    return all(segment.init for segment in media.playlist.segments)


async def _parsed(content: bytes) -> Playlist:
    return await asyncio.to_thread(parsed, content.decode(errors="replace"))


def _resolved(base: str, uri: str) -> str:
    """Return an absolute link of HTTP; a playlist reaches nothing else."""
    try:
        url = urljoin(base, uri)
        scheme = urlsplit(url).scheme
    except ValueError as error:
        raise UnprocessableError("link_malformed", "a link of the playlist cannot be parsed") from error
    if scheme not in ("http", "https"):
        raise UnprocessableError("link_scheme", f"links of scheme {scheme[:20]!r} are not fetched from a playlist")
    return url


def _ignore(_n_bytes: int) -> None:
    """Take no notice of a declared size: that of a segment is not the medium's."""


def _refused(detail: str) -> UnprocessableError:
    return UnprocessableError("media_playlist", detail)


def _too_long() -> UnprocessableError:
    return _refused(f"the playlist has more than {_MAX_PLAYLIST_BYTES} bytes")
