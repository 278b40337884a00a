"""Bytes of one medium as they arrive: counted, limited, written to its file."""

import os
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import BinaryIO

from streams.decode.fetch.turns import Turn
from streams.decode.fetch.unnamed import write_all
from streams.errors import UnprocessableError

_HLS = b"#EXTM3U"
_HEAD_BYTES = 32
_MANIFEST_HEAD_BYTES = 4096
"""Bytes in which a manifest names its root; comments may precede it."""


class Received:
    """File of a medium, and what its turn has received.

    Parameters
    ----------
    reserve
        Called with the size that the host has declared, in bytes, once that is known to be the medium's.
    """

    def __init__(self, file: BinaryIO, turn: Turn, max_bytes: int, reserve: Callable[[int], None]) -> None:
        self.file, self.turn, self._max_bytes, self._reserve = file, turn, max_bytes, reserve
        self._declared: int | None = None

    @property
    def n_bytes(self) -> int:
        """Size of the file."""
        return os.fstat(self.file.fileno()).st_size

    def declare(self, n_bytes: int) -> None:
        """Note the declared size of the link's body; a playlist's is not that of its medium."""
        self._declared = n_bytes

    def is_playlist(self) -> bool:
        """Return whether the file names media instead of being one."""
        return is_playlist(self.file.fileno())

    def taken(self) -> bytes:
        """Return what the file holds, and leave it empty, with no size declared for what follows."""
        self._declared = None
        self.file.seek(0)
        content = self.file.read()
        self.file.seek(0)
        self.file.truncate()
        return content

    def count(self, n_bytes: int) -> None:
        """Count received bytes; raise media_too_large if those are too many."""
        self.turn.received_bytes += n_bytes
        check_size(self.turn.received_bytes, self._max_bytes)

    async def write(self, chunks: AsyncGenerator[bytes]) -> None:
        """Append all chunks to the file.

        Raises
        ------
        UnprocessableError
            media_too_large, media_empty.
        """
        async with aclosing(chunks):
            async for chunk in chunks:
                self.count(len(chunk))
                write_all(self.file, chunk)
                self._reserve_declared()
        check_size(self.turn.received_bytes, self._max_bytes)

    def _reserve_declared(self) -> None:
        if self._declared is not None and self.turn.received_bytes >= _HEAD_BYTES and not _is_text(self.file.fileno()):
            self._reserve(self._declared)
            self._declared = None


def is_playlist(file: int) -> bool:
    """Return whether an open file is a playlist of HLS or a manifest of DASH."""
    head = os.pread(file, _MANIFEST_HEAD_BYTES, 0)
    return _trimmed(head).startswith(_HLS) or is_manifest(head)


def is_manifest(content: bytes) -> bool:
    """Return whether content is a manifest of DASH."""
    return _trimmed(content[:_MANIFEST_HEAD_BYTES]).startswith(b"<") and b"<MPD" in content[:_MANIFEST_HEAD_BYTES]


def _is_text(file: int) -> bool:
    """Return whether a file that is not yet complete may be a playlist."""
    return _trimmed(os.pread(file, _HEAD_BYTES, 0)).startswith((_HLS, b"<"))


def _trimmed(head: bytes) -> bytes:
    return head.lstrip(b"\xef\xbb\xbf \r\n\t")


def check_size(n_bytes: int, max_bytes: int) -> None:
    """Raise media_too_large or media_empty for a medium of a size that is refused."""
    if n_bytes > max_bytes:
        raise UnprocessableError(
            "media_too_large", f"{n_bytes} bytes or more, {max_bytes} allowed (JIKIMI_MEDIA_MAX_BYTES)"
        )
    if n_bytes == 0:
        raise UnprocessableError("media_empty", "the medium has no bytes")
