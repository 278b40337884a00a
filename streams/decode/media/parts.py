"""Media joined in one file, each a part with headers of its own: recordings one after the other, a photo and its film.

FFmpeg reads the first part only, or the second with the headers of the first. Runs in the sandbox.
"""

import io
import os
import re
from collections.abc import Iterator
from itertools import pairwise

from streams.decode.media.decoded import Part

_MAX_PARTS = 32
"""Parts of one file; the last contains all that follow."""
_CHUNK_BYTES = 1 << 20
_FILM = re.compile(rb"(?s)\0\0\0[\x10-\x80]ftyp[ -~]{4}")
"""Start of an MP4 behind a photo."""
_FLV = re.compile(rb"FLV\x01[\x00\x01\x04\x05]\0\0\0\x09\0\0\0\0")
_MATROSKA = re.compile(rb"(?s)\x1a\x45\xdf\xa3.{1,40}\x42\x82.(?:webm|matroska)")
_LONGEST_MATCH = 64
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
_BOX, _LONG_BOX = 8, 16
_MAX_BOXES = 200_000
"""Boxes read; three hours of fragments of a tenth of a second have 216,000."""


class Window(io.RawIOBase):
    """Part of an open file as a file; it leaves the descriptor's position alone."""

    def __init__(self, file: int, part: Part) -> None:
        self._file, (self._start, self._end) = file, part
        self._at = self._start

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # any buffer
        """Read the next bytes into a buffer; return their number."""
        content = os.pread(self._file, max(0, min(len(buffer), self._end - self._at)), self._at)
        buffer[: len(content)] = content
        self._at += len(content)
        return len(content)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position, which is returned, in bytes from the part's start."""
        base = {os.SEEK_SET: self._start, os.SEEK_CUR: self._at, os.SEEK_END: self._end}[whence]
        self._at = max(self._start, base + offset)
        return self._at - self._start

    def tell(self) -> int:
        """Return the position in bytes from the part's start."""
        return self._at - self._start


def parts(file: int) -> list[Part]:
    """Return first and last byte (exclusive) of each part of an open file; one for almost every file."""
    n_bytes = os.fstat(file).st_size
    starts = sorted({0, *_further(file, n_bytes)})[:_MAX_PARTS]
    return list(pairwise([*starts, n_bytes]))


def _further(file: int, n_bytes: int) -> Iterator[int]:
    head = os.pread(file, 16, 0)
    if head[4:8] == b"ftyp":
        yield from _boxes(file, n_bytes)
    elif head.startswith(_EBML):
        yield from _segments(file, n_bytes)
    elif head.startswith(b"FLV\x01"):
        yield from _found(file, _FLV, 9)
    elif head.startswith(b"\xff\xd8\xff"):
        yield from _found(file, _FILM, 0)


def _boxes(file: int, n_bytes: int) -> Iterator[int]:
    """Yield where a further MP4 begins among the boxes of the first level, or inside the one of a motion photo."""
    at = 0
    for _ in range(_MAX_BOXES):
        head = os.pread(file, _LONG_BOX + _BOX, at)
        size, kind = int.from_bytes(head[:4]), head[4:8]
        header = _BOX
        if size == 1:
            size, header = int.from_bytes(head[8:16]), _LONG_BOX
        if kind == b"ftyp" and at:
            yield at
        if kind == b"mpvd" and head[header + 4 : header + 8] == b"ftyp":
            yield at + header
        at += size
        if size < header or at + _BOX > n_bytes:
            return


def _segments(file: int, n_bytes: int) -> Iterator[int]:
    """Yield where a further Matroska file begins; behind one of unknown length it is searched for."""
    at = 0
    for _ in range(2 * _MAX_PARTS):
        head = os.pread(file, 12, at)
        if head[:4] not in (_EBML, _SEGMENT) or len(head) < _BOX:
            return
        if head[:4] == _EBML and at:
            yield at
        width = 9 - head[4].bit_length()
        size = int.from_bytes(head[4 : 4 + width]) & ((1 << 7 * width) - 1) if width <= _BOX else n_bytes
        at += 4 + width
        if head[:4] == _SEGMENT and size == (1 << 7 * width) - 1:
            yield from _found(file, _MATROSKA, at)
            return
        at += size
        if at >= n_bytes:
            return


def _found(file: int, pattern: re.Pattern[bytes], start: int) -> Iterator[int]:
    """Yield where a pattern occurs in a file."""
    at, tail = start, b""
    while chunk := os.pread(file, _CHUNK_BYTES, at):
        content = tail + chunk
        for match in pattern.finditer(content):
            if match.end() > len(tail):  # not one that the last chunk had in full
                yield at - len(tail) + match.start()
        at += len(chunk)
        tail = content[-_LONGEST_MATCH:]
