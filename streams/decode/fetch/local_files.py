"""Source of media in files of this machine, below allowed folders only."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from urllib.parse import SplitResult, unquote

from streams.decode.fetch.received import check_size, is_playlist
from streams.decode.settings import MediaSettings
from streams.errors import UnprocessableError, worker_fault

_CHUNK_BYTES = 1 << 20


class LocalFiles:
    """Files that file links may name."""

    def __init__(self, settings: MediaSettings) -> None:
        self._settings = settings

    def path(self, parts: SplitResult) -> Path:
        """Return the file of a file link, with symbolic links resolved before the check.

        Raises
        ------
        UnprocessableError
            link_malformed, link_forbidden, link_gone, media_too_large, media_empty.
        """
        try:
            path = Path(unquote(parts.path)).resolve()
            path.lstat()
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as error:  # a name that is too long, a loop of links, a zero byte
            if worker_fault(error) is not None:
                raise
            raise UnprocessableError("link_malformed", "no file can have this name") from error
        if parts.netloc not in ("", "localhost") or not any(
            path.is_relative_to(root.resolve()) for root in self._settings.file_roots
        ):
            raise UnprocessableError("link_forbidden", "the file is outside the folders of JIKIMI_MEDIA_FILE_ROOTS")
        if not path.is_file():
            raise UnprocessableError("link_gone", "there is no such file")
        check_size(path.stat().st_size, self._settings.max_bytes)
        return path

    async def read(self, parts: SplitResult, span: tuple[int, int] | None) -> AsyncGenerator[bytes]:
        """Yield a file's bytes in chunks, or those of a span.

        Raises
        ------
        UnprocessableError
            As `path`; media_partial, if it has less.
        """
        start, end = span or (0, None)
        with self.path(parts).open("rb") as file:
            file.seek(start)
            while end is None or file.tell() < end:
                left = _CHUNK_BYTES if end is None else min(_CHUNK_BYTES, end - file.tell())
                if not (chunk := await asyncio.to_thread(file.read, left)):
                    break
                yield chunk
            if end is not None and file.tell() < end:
                raise UnprocessableError("media_partial", f"the file has {end - file.tell()} bytes less than wanted")


def names_others(path: Path) -> bool:
    """Return whether a file is a playlist."""
    with path.open("rb") as file:
        return is_playlist(file.fileno())
