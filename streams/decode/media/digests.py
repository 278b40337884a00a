"""Digests by which exact copies are found: of a file, of a track's packets, of a picture's pixels. Runs in the sandbox.

A track's digest is the same in every container: H.264 and HEVC are read without parameter sets, lengths and start
codes, AAC without the headers of its frames. Digests leave the stages only under a key, see streams/describe/exact.py.
"""

import hashlib
import os
from collections.abc import Iterator
from typing import NamedTuple

from PIL import Image

from streams.decode.media.tracks import AnyPacket

_CHUNK_BYTES = 1 << 20
_LEAST_BYTES = 1024
"""Fewer bytes of a file or of a track are not specific: a picture of one colour, a moment of silence."""
_START_CODE = b"\x00\x00\x01"
_LENGTH_PREFIXED = 1
"""First byte of the configuration of H.264 and HEVC whose units have lengths; with start codes it is 0."""
_SIZE_AT = {"h264": 4, "hevc": 21}
"""Position of the size of those lengths in the configuration."""


class FileDigests(NamedTuple):
    """Digests of a file; empty for one too small to be specific."""

    sha256: bytes = b""
    md5: bytes = b""
    """By which lists of others name files; nothing here rests on it alone."""


def file_digests(file: int) -> FileDigests:
    """Return the digests of an open file's bytes."""
    if os.fstat(file).st_size < _LEAST_BYTES:
        return FileDigests()
    sha256, md5, at = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
    while chunk := os.pread(file, _CHUNK_BYTES, at):
        sha256.update(chunk)
        md5.update(chunk)
        at += len(chunk)
    return FileDigests(sha256.digest(), md5.digest())


def pixels_digest(picture: Image.Image) -> bytes:
    """Return the SHA-256 of a picture's size and pixels, RGB."""
    return hashlib.sha256(b"%d %d " % picture.size + picture.tobytes()).digest()


class TrackDigest:
    """SHA-256 of the packets of one track, added in order."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._n_bytes = 0

    def add(self, packet: AnyPacket) -> None:
        """Add what a packet carries in every container."""
        for content in _content(packet):
            self._digest.update(content)
            self._n_bytes += len(content)

    def value(self) -> bytes:
        """Return the digest; empty for a track too small to be specific."""
        return self._digest.digest() if self._n_bytes >= _LEAST_BYTES else b""


def _content(packet: AnyPacket) -> list[bytes]:
    context, content = packet.stream.codec_context, bytes(packet)
    name = context.name
    if name == "aac":
        return [_without_header(content)]
    if name in _SIZE_AT:
        units = _units(content, context.extradata or b"", _SIZE_AT[name])
        return [unit.rstrip(b"\0") for unit in units if _is_picture(unit, name)]
    return [content]


def _units(content: bytes, configuration: bytes, size_at: int) -> Iterator[bytes]:
    """Yield the units of a packet, which have lengths or start codes before them."""
    if len(configuration) <= size_at or configuration[0] != _LENGTH_PREFIXED:
        yield from content.split(_START_CODE)
        return
    size, at = (configuration[size_at] & 3) + 1, 0
    while at + size <= len(content):
        start = at + size
        at = start + int.from_bytes(content[at:start])
        yield content[start:at]


def _is_picture(unit: bytes, codec: str) -> bool:
    """Return whether a unit has a part of a picture; parameter sets are repeated in some containers only."""
    if not unit:
        return False
    return 1 <= unit[0] & 0x1F <= 5 if codec == "h264" else unit[0] >> 1 & 0x3F < 32  # noqa: PLR2004 - unit types


def _without_header(frame: bytes) -> bytes:
    """Return a frame of AAC without its ADTS header, which MP4 and Matroska leave out."""
    if len(frame) > 1 and frame[0] == 0xFF and frame[1] & 0xF6 == 0xF0:  # noqa: PLR2004 - its sync word
        return frame[7 if frame[1] & 1 else 9 :]
    return frame
