"""Uploaded files of the victim: on this machine, readable by its user only, and deleted when they are described."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from streams.settings import Settings

MAX_UPLOAD_BYTES = 4 * 1024**3
"""Of one form with all its files; more is for `jikimi case add`, which copies nothing."""
MAX_FILES = 50
_PREFIX, _MAX_NAME_BYTES = "upload-", 120


class Upload(Protocol):
    """An uploaded file."""

    filename: str

    async def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        ...


@contextmanager
def upload_folder(settings: Settings) -> Iterator[Path]:
    """Yield a new folder, which is deleted afterwards; by `sweep` if the process was killed."""
    root = settings.desk_path
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def sweep(settings: Settings) -> int:
    """Delete the folders that killed processes left, and return their number."""
    root, n = settings.desk_path, 0
    for folder in root.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # one that a running console holds, or has deleted meanwhile
            lock = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
                n += 1
            finally:
                os.close(lock)
    return n


async def store_uploads(folder: Path, uploads: Sequence[Upload]) -> list[Path]:
    """Write the files into a folder, under names that a disk can hold, and return them.

    Raises
    ------
    OSError
        The disk is full.
    """
    stored: list[Path] = []
    for number, upload in enumerate(uploads, 1):
        file = folder / safe_name(upload.filename, number)
        if file in stored:
            file = folder / f"{number}-{file.name}"
        with file.open("xb") as target:
            while chunk := await upload.read(1024 * 1024):
                target.write(chunk)
        stored.append(file)
    return stored


def safe_name(name: str, number: int) -> str:
    """Return a file's name without folders and characters that no file has; of any script."""
    last = name.replace("\\", "/").rpartition("/")[2]
    shown = "".join(letter for letter in last if letter.isprintable()).strip().lstrip(".")
    stem, dot, suffix = shown.rpartition(".")
    room = _MAX_NAME_BYTES - len(suffix.encode()[:20])
    cut = (stem or suffix).encode()[:room].decode(errors="ignore")
    return f"{cut}.{suffix[:10]}" if stem and dot else cut or f"file-{number}"
