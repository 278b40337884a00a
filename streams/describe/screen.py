"""frames -> texts: the words on screen, read by OCR from the frames that seem to hold some; off by default."""

import asyncio
import io
from collections.abc import AsyncIterator
from typing import Protocol

import msgspec
import numpy as np
import structlog
from PIL import Image, UnidentifiedImageError

from models.screen.gate import Tiles, text_tiles
from models.screen.reader import ScreenReader, missing
from schemas.messages import Frames, Text, Texts
from streams.engine.app import Context
from streams.engine.record import Output, Record
from streams.errors import UsageError

log = structlog.get_logger()

_MOST_READ = 12
"""Frames of one segment; reading one takes about a second."""
_SAME = 0.7
"""Share of written-on tiles in common from which two frames are taken to say the same."""


class Reader(Protocol):
    """What reads a picture."""

    def read(self, picture: Image.Image) -> list[str]:
        """Return the lines of words in an RGB picture."""


def create(context: Context) -> None:
    """Attach the stage to the context's app.

    Raises
    ------
    UsageError
        It was not asked for, or what reads is not installed.
    """
    reader = _reader(asked=context.settings.ocr)

    @context.stage("screen", reads="frames")
    async def read(message: Frames, record: Record) -> AsyncIterator[Output]:  # noqa: ARG001 - a handler's signature
        if is_counted(message):
            yield await asyncio.to_thread(read_frames, reader, message)


def is_counted(message: Frames) -> bool:
    """Return whether decode counted on this stage when it wrote these frames: else fusion waits for no more texts."""
    parts = message.segment.parts
    return parts.text > parts.visual


def read_frames(reader: Reader, message: Frames) -> Output:
    """Return the words on one segment's frames: one record, also when there are none.

    Its number follows from the frames': decode numbers the texts of this stage after all others.
    """
    segment = message.segment
    number = segment.parts.text - segment.parts.visual + segment.segment
    texts = Texts(segment=msgspec.structs.replace(segment, segment=number), texts=list(_texts(reader, message)))
    return Output("texts", f"{segment.post.post_id}/text/{number}", texts)


def _texts(reader: Reader, message: Frames) -> list[Text]:
    found: dict[str, float] = {}
    for time_s, picture in _written_on(message):
        words = " ".join(reader.read(picture))
        if words:
            found.setdefault(words, time_s)
    return [Text(source="screen", text=words, time_s=time_s) for words, time_s in found.items()]


def _written_on(message: Frames) -> list[tuple[float, Image.Image]]:
    """Return the frames that seem to hold words, without those that seem to hold the same as the last."""
    kept: list[tuple[float, Image.Image]] = []
    last: Tiles | None = None
    for frame in message.frames:
        try:
            picture = Image.open(io.BytesIO(frame.jpeg)).convert("RGB")
        except (OSError, UnidentifiedImageError):  # the visual stage says so
            continue
        tiles = text_tiles(picture)
        if tiles.any() and not _is_same(tiles, last):
            kept.append((frame.time_s, picture))
            last = tiles
    return kept[:: -(-len(kept) // _MOST_READ) or 1]


def _is_same(tiles: Tiles, last: Tiles | None) -> bool:
    if last is None or last.shape != tiles.shape:
        return False
    return bool(np.sum(tiles & last) >= _SAME * np.sum(tiles | last))


def _reader(*, asked: bool) -> ScreenReader:
    if not asked:
        raise UsageError("the stage screen runs where JIKIMI_OCR is true, for decode and for screen")
    lacking = missing()
    if lacking is not None and lacking.needed:
        raise UsageError(f"{lacking.told}: {lacking.remedy}")
    if lacking is not None:
        log.warning(lacking.told, remedy=lacking.remedy)
    return ScreenReader()
