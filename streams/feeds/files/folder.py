"""Posts from media files in a folder, each once the file is complete.

The folder is polled rather than watched by the kernel: network folders send no events, and the only sign of a complete
file is that it no longer changes.
"""

import asyncio
import contextlib
import hashlib
import os
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import msgspec
import structlog

from schemas.ids import record_id
from schemas.messages import Medium, Post
from streams.feeds.batch import Batch, FeedRecord
from streams.feeds.cursor import Progress
from streams.feeds.dead_letters import entry_dead_letter, unread_dead_letters
from streams.feeds.entry import MAX_ENTRY_BYTES, Entry, parse_entry
from streams.feeds.entry_error import EntryError
from streams.feeds.guard import Refusal, guarded
from streams.feeds.media_kinds import KINDS
from streams.feeds.notes import Notes
from streams.feeds.times import from_epoch

log = structlog.get_logger()

PLATFORM = "folder"

FileState = tuple[tuple[int, int], ...]
"""Size in bytes and modification time in ns of a file and of its sidecar."""


async def follow_folder(
    folder: Path, progress: Progress, *, interval_s: float = 1.0, once: bool = False
) -> AsyncGenerator[Batch]:
    """Yield a post for each media file below the folder, existing files first.

    A file counts as complete when two polls in a row find it unchanged; a file that is replaced later is a new post. A
    sidecar with the file's name plus ``.json`` may add caption, tags, author, url and other fields. A malformed sidecar
    is a dead letter beside the post of its file, which is read again when the sidecar changes.

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
    processed = {part: msgspec.json.decode(state, type=FileState) for part, state in progress.parts.items()}
    previous: dict[str, FileState] = {}
    while True:
        found = await asyncio.to_thread(_scan, folder)
        paths = {_part(folder, path): path for path in found}
        current = {part: found[path] for part, path in paths.items()}
        unchanged = {part: state for part, state in current.items() if previous.get(part) == state}
        for part in sorted(part for part, state in unchanged.items() if processed.get(part) != state):
            processed[part] = current[part]
            # No records, if the file was removed since the scan.
            records = await asyncio.to_thread(read_file, paths[part], folder)
            yield Batch(records, parts={part: msgspec.json.encode(current[part]).decode()} if records else {})
        # Evicting removed files bounds the state, and a file that returns becomes a post again under its old id.
        if removed := processed.keys() - current.keys():
            yield Batch(parts=dict.fromkeys(removed))
            processed = {part: state for part, state in processed.items() if part in current}
        if once and current == previous:
            return
        previous = current
        await asyncio.sleep(interval_s)


def _part(folder: Path, path: Path) -> str:
    """Return the path below the folder as text; the name of a file need not be UTF-8, but a key is."""
    return path.relative_to(folder).as_posix().encode(errors="backslashreplace").decode()


def read_file(path: Path, folder: Path) -> list[FeedRecord]:
    """Return the post of one file and the dead letters beside it, or its dead letter.

    The post's id depends on the file's path and bytes. A file or sidecar that is a symbolic link out of the folder is a
    dead letter, and is not read.

    Raises
    ------
    FileNotFoundError
        The file no longer exists.
    """
    raw, notes = b"", Notes()

    def read() -> list[FeedRecord]:
        nonlocal raw
        try:
            _check_inside(folder, path, _sidecar(path))
            raw = _read_sidecar(path)
            post = _post(path, _parse_sidecar(raw, notes), notes)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise EntryError(str(error)) from error
        return [post, *unread_dead_letters(notes, post.post_id, raw, feed=PLATFORM)]

    def refused(refusal: Refusal) -> list[FeedRecord]:
        return [entry_dead_letter(raw, feed=PLATFORM, source=str(path), line=0, refusal=refusal)]

    return guarded(PLATFORM, read, refused)


def _check_inside(folder: Path, *files: Path) -> None:
    for file in files:
        if not file.resolve().is_relative_to(folder.resolve()):
            raise EntryError(f"{file.name} is a link that leads out of the folder")


def _post(path: Path, entry: Entry, notes: Notes) -> Post:
    link = path.resolve().as_uri()
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    # Without its sidecar it is another post than with the corrected one, whose words must be read.
    post_id = record_id("feed-folder", link, digest, *notes.unread)
    written_at = from_epoch(path.stat().st_mtime, 1)
    medium = Medium(url=link, kind=_kind(path), alt=entry.alt or "")
    return entry.to_post(
        post_id=post_id, platform=PLATFORM, url=link, published_at=written_at, media=[medium], notes=notes
    )


def _read_sidecar(path: Path) -> bytes:
    sidecar = _sidecar(path)
    if not sidecar.is_file():
        return b"{}"
    with sidecar.open("rb") as file:
        return file.read(MAX_ENTRY_BYTES + 1)


def _parse_sidecar(raw: bytes, notes: Notes) -> Entry:
    """Return the entry in a sidecar; of a malformed one nothing, because the file beside it must be seen."""
    try:
        return _checked(parse_entry(raw, notes, has_media=True))
    except EntryError as error:
        notes.add("the sidecar is malformed")
        notes.add_unread("feed_entry_malformed", str(error))
        return Entry()


def _checked(entry: Entry) -> Entry:
    if entry.media:
        raise EntryError("a sidecar describes the file beside it and cannot name other media")
    return entry


def _scan(folder: Path) -> dict[Path, FileState]:
    return {path: state for path in _media_files(folder) if (state := _state(path)) is not None}


def _media_files(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        if error.filename == str(folder):
            raise error
        log.warning("folder not readable", feed=PLATFORM, folder=str(error.filename), error=error.strerror)

    for parent, folders, names in folder.walk(on_error=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (parent / name for name in names if not name.startswith(".") and _kind(Path(name)))


def _state(path: Path) -> FileState | None:
    """Return the state of a file and its sidecar, None if the file no longer exists or is still empty."""
    try:
        stats = [path.stat()]
    except FileNotFoundError:
        return None
    except OSError:  # not readable, or a loop of links: a dead letter, once
        return _state_of([path.lstat()])
    with contextlib.suppress(OSError):
        if (sidecar := _sidecar(path)).is_file():
            stats.append(sidecar.stat())
    return _state_of(stats) if stats[0].st_size else None


def _state_of(stats: list[os.stat_result]) -> FileState:
    return tuple((stat.st_size, stat.st_mtime_ns) for stat in stats)


def _sidecar(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def _kind(path: Path) -> str | None:
    """Return video, image or audio by the file extension; None for any other file."""
    return KINDS.get(path.suffix.lower().removeprefix("."))
