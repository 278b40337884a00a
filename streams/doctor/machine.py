"""Checks of this machine: folders, space, ports, open files and secrets."""

import fcntl
import os
import resource
import shutil
import socket
import tempfile
from pathlib import Path

from models.screen.reader import missing
from streams.desk.checking.extractor.extractor import installed_version
from streams.doctor.finding import Finding, ok, warn, wrong
from streams.errors import UsageError
from streams.settings import Settings

_LEAST_FILES = 1024
_GIB = 1024**3
_LEAST_ARCHIVE_GIB = 1.0


def term_key(settings: Settings) -> Finding:
    """Check that the key of the term digests is set."""
    try:
        settings.required_term_key()
    except UsageError as error:
        return wrong("term key", "not set, or too short", str(error))
    return ok("term key", "set; it must be the same at the desk and at every text worker")


def ocr() -> Finding:
    """Check that text on screen can be read."""
    if (lacking := missing()) is None:
        return ok("ocr", "RapidOCR and Tesseract with Korean are installed")
    return (wrong if lacking.needed else warn)("ocr", lacking.message, lacking.remedy)


def pages() -> Finding:
    """State whether yt-dlp looks at pages for `jikimi check`, and which one: sites change, and it with them."""
    if version := installed_version():
        return ok("pages", f"yt-dlp {version} looks at pages that name no medium; keep it up to date")
    return ok("pages", "pages that name no medium are not read further; `pip install yt-dlp` would try more")


def archive(settings: Settings) -> Finding:
    """Check that match can write its folder, and that no other worker uses it."""
    folder = settings.archive_dir
    existing = _existing(folder)
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        return wrong("archive", f"{folder} cannot be written", "set JIKIMI_ARCHIVE_DIR to a folder of the worker's own")
    if _locked(folder / "archive.db" / "LOCK"):
        remedy = "nothing if that is this worker; two workers need two folders (JIKIMI_ARCHIVE_DIR)"
        return warn("archive", f"{folder} is in use by a worker", remedy)
    return ok("archive", f"{folder.absolute()} can be written and is free")


def room_for_media(settings: Settings) -> Finding:
    """Check the free space for the most bytes of media on disk at once."""
    media = settings.media
    folder = media.temporary_folder or Path(tempfile.gettempdir())
    needed_gib = media.disk_bytes / _GIB
    return _room("room for media", folder, needed_gib, "JIKIMI_MEDIA_DISK_BYTES or JIKIMI_MEDIA_TEMPORARY_FOLDER")


def room_for_archive(settings: Settings) -> Finding:
    """Check the free space for a new archive."""
    return _room("room for archive", settings.archive_dir, _LEAST_ARCHIVE_GIB, "JIKIMI_ARCHIVE_DIR")


def metrics_port(settings: Settings) -> Finding:
    """Check that the metrics port is free."""
    port = settings.metrics_port
    if port is None:
        return ok("metrics port", "not set: no metrics are served")
    with socket.socket() as test_socket:
        test_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            test_socket.bind(("0.0.0.0", port))  # noqa: S104 - as the metrics are served
        except OSError as error:
            remedy = "nothing if a worker serves its metrics there; else set JIKIMI_METRICS_PORT to another"
            return warn("metrics port", f"{port} cannot be used: {error.strerror}", remedy)
    return ok("metrics port", f"{port} is free")


def open_files() -> Finding:
    """Check that a worker may open enough files and connections."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < _LEAST_FILES:
        return warn("open files", f"at most {soft}", f"raise the limit: ulimit -n {_LEAST_FILES} or more")
    return ok("open files", "no limit" if soft == resource.RLIM_INFINITY else f"up to {soft:,}")


def _room(check: str, folder: Path, needed_gib: float, setting: str) -> Finding:
    existing = _existing(folder)
    free_gib = shutil.disk_usage(existing).free / _GIB
    message = f"{free_gib:.1f} GiB free at {existing}"
    if free_gib < needed_gib:
        return warn(check, f"{message}, {needed_gib:.1f} may be needed", f"free some space, or set {setting}")
    return ok(check, message)


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest above it that exists."""
    folder = folder.absolute()
    return next(path for path in (folder, *folder.parents) if path.exists())


def _locked(file: Path) -> bool:
    """Return whether another process holds the lock; the test lock is released at once."""
    try:
        with file.open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False
