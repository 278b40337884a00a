"""Media files put into a folder become posts, each once it is written to its end.

The folder is looked through again and again rather than watched by the kernel: network folders give no events, and
whether a file is complete can only be told by waiting until it no longer changes.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncGenerator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from schemas.ids import record_id
from schemas.messages import DeadLetter, Medium, Post
from streams.feeds.cursor import Progress
from streams.feeds.entry import MAX_ENTRY_BYTES, Entry, EntryError, parse_entry, refuse
from streams.feeds.runner import Batch

PLATFORM = "folder"

_ENDINGS = {
    "video": "3gp avi flv m2ts m4v mkv mov mp4 mpeg mpg mts ogv ts webm wmv",
    "image": "avif bmp gif heic heif jpeg jpg png tif tiff webp",
    "audio": "aac aiff amr flac m4a mp3 oga ogg opus wav wma",
}
KINDS = {ending: kind for kind, endings in _ENDINGS.items() for ending in endings.split()}
"""Kind of medium by file ending; our own, for the system's table differs from machine to machine."""

Shape = tuple[tuple[int, int], ...]
"""Size in bytes and change time in ns of a file and of its sidecar."""


async def follow_folder(
    folder: Path, progress: Progress, *, interval_s: float = 1.0, once: bool = False
) -> AsyncGenerator[Batch]:
    """Yield a post for every media file below the folder, those already there first.

    A file counts as complete when two looks in a row find it unchanged; a file replaced later is a new post. A sidecar
    of the same name with ``.json`` added may say what the file cannot: caption, tags, author, url and so on. A sidecar
    that cannot be read is a dead letter, and its file is tried again when the sidecar changes.

    Parameters
    ----------
    folder
        Where to look; files and folders whose names start with a dot are left out.
    progress
        Its parts are the files told, by their paths below the folder, and the shapes they had.
    interval_s
        Pause between looks.
    once
        End when every file has been told, instead of waiting for more.

    Raises
    ------
    OSError
        If the folder itself cannot be read.
    """
    told = {folder / part: msgspec.json.decode(shape, type=Shape) for part, shape in progress.parts.items()}
    before: dict[Path, Shape] = {}
    while True:
        now = await asyncio.to_thread(_look, folder)
        for path in sorted(path for path, shape in now.items() if before.get(path) == shape != told.get(path)):
            told[path] = now[path]
            with contextlib.suppress(FileNotFoundError):  # moved away since it was seen
                post = await asyncio.to_thread(read_post, path)
                yield Batch([post], parts={_part(folder, path): msgspec.json.encode(now[path]).decode()})
        # Forgetting what is gone keeps memory bounded, and lets a file that comes back be told again under its old id.
        if gone := told.keys() - now.keys():
            yield Batch(parts={_part(folder, path): None for path in gone})
            told = {path: shape for path, shape in told.items() if path in now}
        if once and now == before:
            return
        before = now
        await asyncio.sleep(interval_s)


def _part(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()


def read_post(path: Path) -> Post | DeadLetter:
    """Return the post of one file; its id depends on where the file lies and on its bytes.

    Raises
    ------
    FileNotFoundError
        If the file is gone.
    """
    raw = b""
    try:
        raw = _read_sidecar(path)
        return _post(path, _parse_sidecar(raw))
    except FileNotFoundError:
        raise
    except (EntryError, OSError) as error:
        return refuse(raw, feed="folder", source=str(path), line=0, detail=str(error))


def _post(path: Path, entry: Entry) -> Post:
    link = path.resolve().as_uri()
    with path.open("rb") as file:
        post_id = record_id("feed-folder", link, hashlib.file_digest(file, "sha256").hexdigest())
    written_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    medium = Medium(url=link, kind=_kind(path), alt=entry.alt)
    return entry.to_post(post_id=post_id, platform=PLATFORM, url=link, published_at=written_at, media=[medium])


def _read_sidecar(path: Path) -> bytes:
    sidecar = _sidecar(path)
    if not sidecar.is_file():
        return b"{}"
    with sidecar.open("rb") as file:
        return file.read(MAX_ENTRY_BYTES + 1)


def _parse_sidecar(raw: bytes) -> Entry:
    entry = parse_entry(raw)
    if entry.media:
        raise EntryError("a sidecar describes the file beside it and cannot name other media")
    return entry


def _look(folder: Path) -> dict[Path, Shape]:
    return {path: shape for path in _media_files(folder) if (shape := _shape(path)) is not None}


def _media_files(folder: Path) -> Iterator[Path]:
    """Yield the media files below a folder, by their names' endings."""
    for parent, folders, names in folder.walk(on_error=_raise):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (parent / name for name in names if not name.startswith(".") and _kind(Path(name)))


def _raise(error: OSError) -> None:
    raise error


def _shape(path: Path) -> Shape | None:
    """Return what changes when the file or its sidecar does, None if the file is gone or still empty."""
    try:
        stats = [path.stat()]
    except FileNotFoundError:
        return None
    if (sidecar := _sidecar(path)).is_file():
        stats.append(sidecar.stat())
    return tuple((stat.st_size, stat.st_mtime_ns) for stat in stats) if stats[0].st_size else None


def _sidecar(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def _kind(path: Path) -> str | None:
    """Return video, image or audio by the name's ending; None for anything else."""
    return KINDS.get(path.suffix.lower().removeprefix("."))
