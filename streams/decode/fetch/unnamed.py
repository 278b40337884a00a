"""Files without a name for fetched media: whatever ends the process, nothing of them is left.

Earlier versions gave them names, and left them behind when they were killed; `sweep` removes those.
"""

import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import structlog

from streams.errors import disk_error

log = structlog.get_logger()

_OLD_NAME = re.compile(r"jikimi-[a-z0-9_]{8}")
"""Names that Python's tempfile gave to media; folders of tests and the demonstration match too, but are not files."""
_MAX_ENTRIES = 100_000
"""Entries of the folder looked at by one sweep; the next start looks again."""


@contextmanager
def unnamed_file(folder: Path | None) -> Iterator[BinaryIO]:
    """Yield a new file in a folder that has no name (O_TMPFILE, or unlinked while it is still empty).

    Raises
    ------
    WorkerError
        disk_full, disk_failed: the folder cannot be written.
    """
    with _disk_errors():
        file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - used below, outside the translation of errors
    with file:
        yield file


def write_all(file: BinaryIO, chunk: bytes) -> None:
    """Append all bytes of a chunk; raises as `unnamed_file`."""
    left = memoryview(chunk)
    with _disk_errors():
        while left:  # a disk that becomes full takes the first part of a write
            left = left[file.write(left) :]


@contextmanager
def _disk_errors() -> Iterator[None]:
    """Raise errors of our own disk as what they are: no record is at fault."""
    try:
        yield
    except OSError as error:
        raise disk_error("media cannot be stored", error) from error


def path_of(file: BinaryIO) -> Path:
    """Return a path that opens this file in this process, with a position of its own, as long as it is open."""
    return Path(f"/proc/self/fd/{file.fileno()}")


def sweep(folder: Path | None) -> int:
    """Remove the media that killed workers of older versions left in a folder; return their number.

    Only regular files of this user with such a name, which no process has open, are removed.
    """
    candidates = dict(_left_behind(Path(folder or tempfile.gettempdir())))
    for identity in _open_files() & candidates.keys() if candidates else ():
        del candidates[identity]
    for path in candidates.values():
        with suppress(OSError):
            path.unlink()
    if candidates:
        log.warning("media of a killed worker removed", files=len(candidates))
    return len(candidates)


def _left_behind(folder: Path) -> Iterator[tuple[tuple[int, int], Path]]:
    """Yield identity (device, inode) and path of each file with an old name."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in islice(entries, _MAX_ENTRIES):
            if _OLD_NAME.fullmatch(entry.name):
                found = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid():
                    yield (found.st_dev, found.st_ino), Path(entry.path)


def _open_files() -> set[tuple[int, int]]:
    """Return the identities of the files that processes of this user have open."""
    found = set()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):  # the process has ended, or is another user's
            status = link.stat()
            found.add((status.st_dev, status.st_ino))
    return found
