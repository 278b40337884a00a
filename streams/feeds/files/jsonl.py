"""Lines of JSON become posts: from a file, or from another program through a pipe."""

import asyncio
import contextlib
import io
import threading
from collections.abc import AsyncGenerator, AsyncIterator
from concurrent.futures import CancelledError
from hashlib import sha256
from typing import BinaryIO

import msgspec

from schemas.messages import DeadLetter, Post
from streams.feeds.cursor import Progress
from streams.feeds.entry import MAX_ENTRY_BYTES, EntryError, parse_entry, post_of, refuse
from streams.feeds.runner import Batch

_READ_AHEAD = 64
"""Lines."""
_COMPARED_BYTES = 4096


class _Place(msgspec.Struct, frozen=True, kw_only=True):
    """The last line told."""

    number: int
    """Counted from 1."""
    start: int
    """Offset of its first byte."""
    end: int
    """Offset after its last."""
    digest: str
    """SHA-256 of its first bytes; another one there and the file is another."""


class _Line(msgspec.Struct, frozen=True):
    """One line, cut to just over MAX_ENTRY_BYTES."""

    raw: bytes
    n_bytes: int
    """Of the whole line."""


async def read_jsonl(stream: BinaryIO, source: str, progress: Progress) -> AsyncGenerator[Batch]:
    """Yield a post for every line that is one, a dead letter for every other; blank lines are passed over.

    A post without an id gets one from its platform and url, or without a url from the line itself, so that the same
    line fed twice is the same post. A file goes on after the last line told; one that was replaced or cut starts over.

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
    number, start = await asyncio.to_thread(_resume, stream, progress.position)
    async for line in _lines(stream):
        number += 1
        place = _Place(number=number, start=start, end=start + line.n_bytes, digest=_digest(line.raw))
        start = place.end
        records = [_read_line(line.raw, source, number)] if line.raw.strip() else []
        yield Batch(records, msgspec.json.encode(place).decode() if stream.seekable() else None)


def _resume(stream: BinaryIO, position: str | None) -> tuple[int, int]:
    """Go to the first byte not told; return how many lines and bytes lie before it."""
    if position is None or not stream.seekable():
        return 0, 0
    last = msgspec.json.decode(position, type=_Place)
    size = stream.seek(0, io.SEEK_END)
    stream.seek(last.start)
    raw = stream.read(last.end - last.start) if last.end <= size else b""
    if last.end > size or _digest(raw) != last.digest:
        stream.seek(0)
        return 0, 0
    if not raw.endswith(b"\n") and last.end < size:  # it was being written when it was told: told again, whole
        stream.seek(last.start)
        return last.number - 1, last.start
    return last.number, last.end


def _digest(raw: bytes) -> str:
    return sha256(raw[:_COMPARED_BYTES]).hexdigest()


def _read_line(raw: bytes, source: str, number: int) -> Post | DeadLetter:
    try:
        return post_of(parse_entry(raw), feed="jsonl", raw=raw)
    except EntryError as error:
        return refuse(raw.rstrip(b"\r\n"), feed="jsonl", source=source, line=number, detail=str(error))


async def _lines(stream: BinaryIO) -> AsyncIterator[_Line]:
    """Yield the lines.

    Read by a daemon thread: a pipe may stay silent for hours, and must not hold up the loop or the end of the program.
    """
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[_Line | Exception | None] = asyncio.Queue(_READ_AHEAD)

    def put(item: _Line | Exception | None) -> None:
        asyncio.run_coroutine_threadsafe(queue.put(item), loop).result()

    def read() -> None:
        # The loop may end while a line is awaited; then nobody listens and the thread just ends.
        with contextlib.suppress(CancelledError, RuntimeError):
            try:
                while (line := _read_one(stream)).raw:
                    put(line)
                put(None)
            except (OSError, ValueError) as error:
                put(error)

    threading.Thread(target=read, name="read-jsonl", daemon=True).start()
    while item := await queue.get():
        if isinstance(item, Exception):
            raise item
        yield item


def _read_one(stream: BinaryIO) -> _Line:
    """Return the next line, at most one byte longer than allowed, and skip what is left of it."""
    line = rest = stream.readline(MAX_ENTRY_BYTES + 1)
    n_bytes = len(line)
    while rest and not rest.endswith(b"\n"):
        rest = stream.readline(MAX_ENTRY_BYTES)
        n_bytes += len(rest)
    return _Line(line, n_bytes)
