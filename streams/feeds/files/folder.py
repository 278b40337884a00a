"""Posts from media files in a folder, each once the file is complete.

The folder is polled rather than watched by the kernel: network folders send no events, and the only sign of a complete
file is that it no longer changes.
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
from streams.feeds.batch import Batch
from streams.feeds.cursor import Progress
from streams.feeds.dead_letters import entry_dead_letter
from streams.feeds.entry import MAX_ENTRY_BYTES, Entry, EntryError, parse_entry

PLATFORM = "folder"

_EXTENSIONS = {
    "video": "3gp avi flv m2ts m4v mkv mov mp4 mpeg mpg mts ogv ts webm wmv",
    "image": "avif bmp gif heic heif jpeg jpg png tif tiff webp",
    "audio": "aac aiff amr flac m4a mp3 oga ogg opus wav wma",
}
KINDS = {extension: kind for kind, extensions in _EXTENSIONS.items() for extension in extensions.split()}
"""Kind of medium by file extension; our own table, because the system's differs between machines."""

FileState = tuple[tuple[int, int], ...]
"""Size in bytes and modification time in ns of a file and of its sidecar."""


async def follow_folder(
    folder: Path, progress: Progress, *, interval_s: float = 1.0, once: bool = False
) -> AsyncGenerator[Batch]:
    """Yield a post for each media file below the folder, existing files first.

    A file counts as complete when two polls in a row find it unchanged; a file that is replaced later is a new post. A
    sidecar with the file's name plus ``.json`` may add caption, tags, author, url and other fields. A malformed sidecar
    is a dead letter, and its file is retried when the sidecar changes.

    Parameters
    ----------
    folder
        Folder to poll; files and folders whose names start with a dot are left out.
    progress
        Its parts are the states of the processed files, by their paths below the folder.
    interval_s
        Pause between polls.
    once
        End when every file has been processed, instead of waiting for more.

    Raises
    ------
    OSError
        The folder itself cannot be read.
    """
    processed = {folder / part: msgspec.json.decode(state, type=FileState) for part, state in progress.parts.items()}
    previous: dict[Path, FileState] = {}
    while True:
        current = await asyncio.to_thread(_scan, folder)
        unchanged = {path: state for path, state in current.items() if previous.get(path) == state}
        for path in sorted(path for path, state in unchanged.items() if processed.get(path) != state):
            processed[path] = current[path]
            with contextlib.suppress(FileNotFoundError):  # removed since the scan
                post = await asyncio.to_thread(read_post, path, folder)
                yield Batch([post], parts={_part(folder, path): msgspec.json.encode(current[path]).decode()})
        # Evicting removed files bounds the state, and a file that returns becomes a post again under its old id.
        if removed := processed.keys() - current.keys():
            yield Batch(parts={_part(folder, path): None for path in removed})
            processed = {path: state for path, state in processed.items() if path in current}
        if once and current == previous:
            return
        previous = current
        await asyncio.sleep(interval_s)


def _part(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()


def read_post(path: Path, folder: Path) -> Post | DeadLetter:
    """Return the post of one file; its id depends on the file's path and bytes.

    A file or sidecar that is a symbolic link out of the folder is a dead letter, and is not read.

    Raises
    ------
    FileNotFoundError
        The file no longer exists.
    """
    raw = b""
    try:
        _check_inside(folder, path, _sidecar(path))
        raw = _read_sidecar(path)
        return _post(path, _parse_sidecar(raw))
    except FileNotFoundError:
        raise
    except (EntryError, OSError) as error:
        return entry_dead_letter(raw, feed="folder", source=str(path), line=0, detail=str(error))


def _check_inside(folder: Path, *files: Path) -> None:
    for file in files:
        if not file.resolve().is_relative_to(folder.resolve()):
            raise EntryError(f"{file.name} is a link that leads out of the folder")


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


def _scan(folder: Path) -> dict[Path, FileState]:
    return {path: state for path in _media_files(folder) if (state := _state(path)) is not None}


def _media_files(folder: Path) -> Iterator[Path]:
    for parent, folders, names in folder.walk(on_error=_raise):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (parent / name for name in names if not name.startswith(".") and _kind(Path(name)))


def _raise(error: OSError) -> None:
    raise error


def _state(path: Path) -> FileState | None:
    """Return the state of a file and its sidecar, None if the file no longer exists or is still empty."""
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
    """Return video, image or audio by the file extension; None for any other file."""
    return KINDS.get(path.suffix.lower().removeprefix("."))
