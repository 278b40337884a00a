"""Media that a playlist (HLS) or a manifest (DASH) names, fetched into one file: headers and segments in order.

Each request passes the same checks as that of any medium; all of them together have one medium's bytes and time.
"""

import asyncio
from contextlib import aclosing

from streams.decode.fetch import manifest, playlist
from streams.decode.fetch.pieces import MAX_PARTS, MAX_SEGMENTS, Media, Piece, Segment, pieces, refused, resolved
from streams.decode.fetch.playlist import Playlist
from streams.decode.fetch.received import Received, is_manifest
from streams.decode.fetch.sources import Sources
from streams.errors import RecordError, UnprocessableError

_MAX_PLAYLIST_BYTES = 4 * 1024 * 1024
_MAX_FAILURES = 16
"""Pieces of one playlist that may fail; then the rest is not fetched: a playlist may name anybody's server."""


class ListedMedia:
    """Fetch of what one playlist names.

    Parameters
    ----------
    received
        The fetched playlist, which the media replace.
    missing
        Becomes the reasons of what could not be fetched.
    """

    def __init__(self, sources: Sources, received: Received, missing: list[RecordError]) -> None:
        self._sources, self._received, self._missing = sources, received, missing
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
        content = self._received.taken()
        if is_manifest(content):
            await self._fetch_manifest(content, base)
        else:
            await self._fetch_playlist(await _parsed(content, base))
        if not self.has_media:
            raise self._missing.pop(0) if self._missing else refused("the playlist names no segment")

    async def _fetch_manifest(self, content: bytes, base: str) -> None:
        picture, sound = await asyncio.to_thread(manifest.parsed, content.decode(errors="replace"), base)
        await self._add(picture)
        await self._add_apart(sound, picture)

    async def _fetch_playlist(self, found: Playlist) -> None:
        if not found.variants:
            await self._add(found)
            return
        variant = found.variant()
        picture = await self._named(found.base, variant.uri)
        await self._add(picture)
        if (sound := found.sound(variant)) is None:
            return
        try:
            await self._add_apart(await self._named(found.base, sound.uri), picture)
        except UnprocessableError as error:
            self._missing.append(error)

    async def _named(self, base: str, uri: str) -> Media:
        """Return the media of a playlist that another one names."""
        content, bases = bytearray(), [resolved(base, uri)]
        chunks = self._sources.read(bases[0], _ignore, located=bases.append)
        async with aclosing(chunks):
            async for chunk in chunks:
                self._received.count(len(chunk))
                content += chunk
                if len(content) > _MAX_PLAYLIST_BYTES:
                    raise _too_long()
        found = await _parsed(bytes(content), bases[-1])
        if found.variants:
            raise refused("a playlist of playlists of playlists")
        return found

    async def _add_apart(self, sound: Media, picture: Media) -> None:
        """Append sound apart from its picture as a further part of the file; only MP4 and WebM can be joined so."""
        if sound.segments and picture.segments and not (picture.is_part and sound.is_part):
            detail = "the sound of the playlist is apart from its picture, and not in MP4 or WebM"
            self._missing.append(UnprocessableError("media_partial", detail))
            return
        await self._add(sound)

    async def _add(self, media: Media) -> None:
        """Append segments to the file, as far as they can be had."""
        if media.is_cut:
            detail = f"{MAX_SEGMENTS} segments and {MAX_PARTS} parts are fetched at most, the playlist names more"
            self._missing.append(UnprocessableError("media_too_long", detail))
        clear = [segment for segment in media.segments if not segment.is_encrypted]
        if encrypted := len(media.segments) - len(clear):
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
            await self._received.write(self._sources.read(resolved(base, piece.uri), _ignore, span=span))
        finally:
            self.has_media = self._received.n_bytes > 0


async def _parsed(content: bytes, base: str) -> Playlist:
    return await asyncio.to_thread(playlist.parsed, content.decode(errors="replace"), base)


def _ignore(_n_bytes: int) -> None:
    """Take no notice of a declared size: that of a segment is not the medium's."""


def _too_long() -> UnprocessableError:
    return refused(f"the playlist has more than {_MAX_PLAYLIST_BYTES} bytes")
