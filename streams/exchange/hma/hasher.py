"""Hashes of media as HMA gives them: PDQ of a photo, MD5 of a video; decoded in the sandbox."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from models.pdq.hash import BYTES, Bits
from schemas.messages import FrameHash
from streams.decode.decoder import Decoder
from streams.decode.fetch.fetcher import Fetcher
from streams.decode.settings import MediaSettings
from streams.describe.picture_hashes import picture_hashes

MOST_BYTES = 100 * 1024 * 1024
"""Largest medium, as at HMA."""


class Hashes(NamedTuple):
    """Hashes of a medium; a plain photo and a sound have none."""

    pdq: Bits
    """uint8 (0 or 8, 32): a photo as it is, then turned and mirrored in all ways."""
    video_md5: bytes = b""

    def named(self) -> dict[str, str]:
        """Return what there is by HMA's names of signals."""
        found = {"pdq": self.pdq[0].tobytes().hex()} if len(self.pdq) else {}
        return found | ({"video_md5": self.video_md5.hex()} if self.video_md5 else {})


class Hasher:
    """Fetches, decodes and hashes media."""

    def __init__(self, settings: MediaSettings) -> None:
        self._decoder = Decoder(settings)
        self._fetcher = Fetcher(settings.model_copy(update={"max_bytes": min(MOST_BYTES, settings.max_bytes)}))

    @asynccontextmanager
    async def opened(self) -> AsyncIterator["Hasher"]:
        """Yield itself, and end its processes and connections."""
        async with self._decoder, self._fetcher:
            yield self

    async def of_url(self, url: str) -> Hashes:
        """Return the hashes of a medium elsewhere; raises a `RecordError`, also for a private address."""
        async with self._fetcher.fetch(url) as path:
            return await self.of_file(path)

    async def of_file(self, path: Path) -> Hashes:
        """Return the hashes of a file; raises a `RecordError` if it is not a medium."""
        info = await self._decoder.scan(path)
        if info.kind != "image":
            with path.open("rb") as file:
                return Hashes(_stacked([]), hashlib.file_digest(file, "md5").digest() if info.has_picture else b"")
        async with aclosing(self._decoder.segments(path, info)) as segments:
            frames = [frame async for segment in segments for frame in segment.frames]
        return Hashes(_stacked(picture_hashes(frames[:1])))


def _stacked(frames: list[FrameHash]) -> Bits:
    return np.frombuffer(b"".join(frame.hashes for frame in frames), np.uint8).reshape(-1, BYTES)
