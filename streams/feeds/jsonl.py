"""Lines of JSON become posts: from a file, or from another program through a pipe."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from concurrent.futures import CancelledError
from typing import BinaryIO

from schemas.ids import record_id
from schemas.messages import DeadLetter, Medium, Post
from streams.feeds.entry import MAX_ENTRY_BYTES, Entry, EntryError, parse_entry, refuse

PLATFORM = "jsonl"
_READ_AHEAD = 64
"""Lines."""


async def read_jsonl(stream: BinaryIO, source: str) -> AsyncIterator[Post | DeadLetter]:
    """Yield a post for every line that is one, a dead letter for every other; blank lines are passed over.

    A post without an id gets one from its platform and url, or without a url from the line itself, so that the same
    line fed twice is the same post.

    Parameters
    ----------
    stream
        Open for reading bytes; stays the caller's to close.
    source
        What to call it in dead letters.

    Raises
    ------
    OSError
        If the stream breaks.
    ValueError
        If it is closed meanwhile.
    """
    number = 0
    async for raw in _lines(stream):
        number += 1
        if raw.strip():
            yield _read_line(raw, source, number)


def _read_line(raw: bytes, source: str, number: int) -> Post | DeadLetter:
    try:
        return _post(parse_entry(raw), raw)
    except EntryError as error:
        return refuse(raw.rstrip(b"\r\n"), feed="jsonl", source=source, line=number, detail=str(error))


def _post(entry: Entry, raw: bytes) -> Post:
    media = [Medium(url=medium) if isinstance(medium, str) else medium for medium in entry.media]
    if not (media or entry.caption or entry.tags):
        raise EntryError("a post needs media, a caption or tags")
    if entry.alt:
        raise EntryError('alt belongs to a medium: write media as [{"url": …, "alt": …}]')
    url = entry.url or (media[0].url if media else "")
    platform = entry.platform or PLATFORM
    post_id = record_id("feed-jsonl", platform, entry.url or raw.strip())
    return entry.to_post(post_id=post_id, platform=platform, url=url, media=media)


async def _lines(stream: BinaryIO) -> AsyncIterator[bytes]:
    """Yield lines, each cut to just over MAX_ENTRY_BYTES.

    Read by a daemon thread: a pipe may stay silent for hours, and must not hold up the loop or the end of the program.
    """
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[bytes | Exception] = asyncio.Queue(_READ_AHEAD)

    def put(item: bytes | Exception) -> None:
        asyncio.run_coroutine_threadsafe(queue.put(item), loop).result()

    def read() -> None:
        # The loop may end while a line is awaited; then nobody listens and the thread just ends.
        with contextlib.suppress(CancelledError, RuntimeError):
            try:
                while line := _read_one(stream):
                    put(line)
                put(b"")
            except (OSError, ValueError) as error:
                put(error)

    threading.Thread(target=read, name="read-jsonl", daemon=True).start()
    while item := await queue.get():
        if isinstance(item, Exception):
            raise item
        yield item


def _read_one(stream: BinaryIO) -> bytes:
    """Return the next line, at most one byte longer than allowed, and skip what is left of it."""
    line = rest = stream.readline(MAX_ENTRY_BYTES + 1)
    while rest and not rest.endswith(b"\n"):
        rest = stream.readline(MAX_ENTRY_BYTES)
    return line
