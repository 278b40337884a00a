"""Posts from lines of JSON, in a file or from another program through a pipe."""

import asyncio
import contextlib
import io
import threading
from collections.abc import AsyncGenerator, AsyncIterator
from concurrent.futures import CancelledError
from hashlib import sha256
from typing import BinaryIO

import msgspec

from streams.feeds.batch import Batch, FeedRecord
from streams.feeds.cursor import Progress
from streams.feeds.dead_letters import entry_dead_letter, unread_dead_letters
from streams.feeds.entry import MAX_ENTRY_BYTES, parse_entry, post_of
from streams.feeds.guard import Refusal, guarded
from streams.feeds.notes import Notes

FEED = "jsonl"

_MAX_READ_AHEAD = 64
"""Lines."""
_DIGEST_BYTES = 4096


class _Position(msgspec.Struct, frozen=True, kw_only=True):
    """Position of the last line read."""

    number: int
    """Counted from 1."""
    start: int
    """Offset of its first byte."""
    end: int
    """Offset after its last."""
    digest: str
    """SHA-256 of its first bytes; if it differs, the file was replaced."""


class _Line(msgspec.Struct, frozen=True):
    """One line, cut to just over MAX_ENTRY_BYTES."""

    raw: bytes
    n_bytes: int
    """Of the whole line."""


async def read_jsonl(stream: BinaryIO, source: str, progress: Progress) -> AsyncGenerator[Batch]:
    """Yield a post for each valid line and a dead letter for each malformed one; blank lines are skipped.

    A post without an id gets one from its platform and url, or without a url from the line itself, so that a repeated
    line is the same post. A file resumes after the last line read; a replaced or truncated one starts over.

    Parameters
    ----------
    stream
        Open for reading bytes; the caller closes it.
    source
        Its name in dead letters.

    Raises
    ------
    OSError
        The stream breaks.
    ValueError
        The stream is closed meanwhile.
    """
    number, start = await asyncio.to_thread(_resume, stream, progress.position)
    async for line in _lines(stream):
        number += 1
        position = _Position(number=number, start=start, end=start + line.n_bytes, digest=_digest(line.raw))
        start = position.end
        records = _records(line.raw, source, number) if line.raw.strip() else []
        yield Batch(records, msgspec.json.encode(position).decode() if stream.seekable() else None)


def _resume(stream: BinaryIO, position: str | None) -> tuple[int, int]:
    """Seek to the first unread line; return the number of lines and bytes before it."""
    if position is None or not stream.seekable():
        return 0, 0
    last = msgspec.json.decode(position, type=_Position)
    size = stream.seek(0, io.SEEK_END)
    stream.seek(last.start)
    raw = stream.read(last.end - last.start) if last.end <= size else b""
    if last.end > size or _digest(raw) != last.digest:
        stream.seek(0)
        return 0, 0
    if not raw.endswith(b"\n") and last.end < size:  # it was read while it was being written
        stream.seek(last.start)
        return last.number - 1, last.start
    return last.number, last.end


def _digest(raw: bytes) -> str:
    return sha256(raw[:_DIGEST_BYTES]).hexdigest()


def _records(raw: bytes, source: str, number: int) -> list[FeedRecord]:
    """Return the post of a line and the dead letters beside it, or the dead letter of the line."""
    line = raw.rstrip(b"\r\n")

    def read() -> list[FeedRecord]:
        notes = Notes()
        post = post_of(parse_entry(raw, notes), feed=FEED, raw=raw, notes=notes)
        return [post, *unread_dead_letters(notes, post.post_id, line, feed=FEED)]

    def refused(refusal: Refusal) -> list[FeedRecord]:
        return [entry_dead_letter(line, feed=FEED, source=source, line=number, refusal=refusal)]

    return guarded(FEED, read, refused)


async def _lines(stream: BinaryIO) -> AsyncIterator[_Line]:
    """Yield the lines.

    A daemon thread reads them, because a pipe may stay silent for hours and must not block the event loop or the exit
    of the program.
    """
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[_Line | Exception | None] = asyncio.Queue(_MAX_READ_AHEAD)

    def put(item: _Line | Exception | None) -> None:
        asyncio.run_coroutine_threadsafe(queue.put(item), loop).result()

    def read() -> None:
        # The event loop may close while the thread waits for a line; then the thread just ends.
        with contextlib.suppress(CancelledError, RuntimeError):
            try:
                while (line := _next_line(stream)).raw:
                    put(line)
                put(None)
            except (OSError, ValueError) as error:
                put(error)

    threading.Thread(target=read, name="read-jsonl", daemon=True).start()
    while item := await queue.get():
        if isinstance(item, Exception):
            raise item
        yield item


def _next_line(stream: BinaryIO) -> _Line:
    """Return the next line, cut to one byte more than allowed, and skip its rest."""
    line = rest = stream.readline(MAX_ENTRY_BYTES + 1)
    n_bytes = len(line)
    while rest and not rest.endswith(b"\n"):
        rest = stream.readline(MAX_ENTRY_BYTES)
        n_bytes += len(rest)
    return _Line(line, n_bytes)
