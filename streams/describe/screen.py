"""frames, reuse -> texts, reuse: read the words on screen by OCR, in frames that may show some; off by default."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import partial
from typing import Protocol

import msgspec
import numpy as np
import structlog
from PIL import Image, UnidentifiedImageError

from models.screen.gate import Tiles, text_tiles
from models.screen.reader import ScreenReader, missing
from schemas.messages import Frames, Message, Text, Texts
from streams.describe.known_segments import described_once, input_of
from streams.engine.context import Context
from streams.engine.record import Output, Record
from streams.errors import UsageError
from streams.reuse.reuse import inputs_of

log = structlog.get_logger()

_MAX_READ = 12
"""Frames read of one segment; reading one takes about a second."""
FIRST_NUMBER = 1_000_000
"""Number of this stage's first text of a post, above those that decode gives."""
_SAME = 0.7
"""Overlap of the text tiles from which two frames are taken to show the same text."""


class Reader(Protocol):
    """An OCR reader."""

    def read(self, picture: Image.Image) -> list[str]:
        """Return the lines of text in an RGB picture."""


def create(context: Context) -> None:
    """Attach the stage to the context's app.

    Raises
    ------
    UsageError
        The setting is off, or the OCR reader is not installed.
    """
    reader = _reader(enabled=context.settings.ocr)
    seal = context.shared.media_seal
    inputs = inputs_of(context, "screen")

    @context.stage("screen", reads="frames")
    async def read(sealed: Frames, record: Record) -> AsyncIterator[Output]:  # noqa: ARG001 - a handler's signature
        if is_counted(sealed):
            message = await asyncio.to_thread(seal.frames, sealed)
            fresh = partial(asyncio.to_thread, read_frames, reader, message)
            async with aclosing(described_once(inputs, input_of(message), fresh, partial(_copied, message))) as outputs:
                async for output in outputs:
                    yield output


def is_counted(message: Frames) -> bool:
    """Return whether decode counted this stage's texts in `parts`: otherwise fusion does not wait for them.

    Those of a second look are not counted: the first pass has read the same screen.
    """
    parts = message.segment.parts
    return not message.look and parts.text > parts.visual


def read_frames(reader: Reader, message: Frames) -> Output:
    """Return the text on one segment's frames: one record, also without text.

    Its number is derived from the frames' number, so that a repeat overwrites itself.
    """
    return _output(message, list(_texts(reader, message)))


def _copied(message: Frames, known: Message) -> Output:
    """Return the text on frames that equal those of an earlier post."""
    assert isinstance(known, Texts)
    return _output(message, known.texts)


def _output(message: Frames, texts: list[Text]) -> Output:
    segment = message.segment
    number = FIRST_NUMBER + segment.segment
    numbered = Texts(segment=msgspec.structs.replace(segment, segment=number), texts=texts)
    return Output("texts", f"{segment.post.post_id}/text/{number}", numbered)


def _texts(reader: Reader, message: Frames) -> list[Text]:
    found: dict[str, float] = {}
    for time_s, picture in _frames_with_text(message):
        text = " ".join(reader.read(picture))
        if text:
            found.setdefault(text, time_s)
    return [Text(source="screen", text=text, time_s=time_s) for text, time_s in found.items()]


def _frames_with_text(message: Frames) -> list[tuple[float, Image.Image]]:
    """Return the frames that may show text, without those that show the same text as the previous one."""
    kept: list[tuple[float, Image.Image]] = []
    last: Tiles | None = None
    for frame in message.frames:
        try:
            picture = Image.open(io.BytesIO(frame.jpeg)).convert("RGB")
        except (OSError, UnidentifiedImageError):  # a dead letter of the visual stage
            continue
        tiles = text_tiles(picture)
        if tiles.any() and not _is_same(tiles, last):
            kept.append((frame.time_s, picture))
            last = tiles
    return kept[:: -(-len(kept) // _MAX_READ) or 1]


def _is_same(tiles: Tiles, last: Tiles | None) -> bool:
    if last is None or last.shape != tiles.shape:
        return False
    return bool(np.sum(tiles & last) >= _SAME * np.sum(tiles | last))


def _reader(*, enabled: bool) -> ScreenReader:
    if not enabled:
        raise UsageError("the stage screen runs only if JIKIMI_OCR is true, for decode and for screen")
    lacking = missing()
    if lacking is not None and lacking.needed:
        raise UsageError(f"{lacking.message}: {lacking.remedy}")
    if lacking is not None:
        log.warning(lacking.message, remedy=lacking.remedy)
    return ScreenReader()
