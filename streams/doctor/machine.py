"""This machine: folders, space, ports, open files and secrets."""

import fcntl
import os
import resource
import shutil
import socket
import tempfile
from pathlib import Path

from models.screen.reader import missing
from streams.doctor.finding import Finding, ok, warn, wrong
from streams.errors import UsageError
from streams.settings import Settings

_LEAST_FILES = 1024
_GIB = 1024**3
_LEAST_ARCHIVE_GIB = 1.0


def term_key(settings: Settings) -> Finding:
    """Return whether the key of the term digests is set."""
    try:
        settings.required_term_key()
    except UsageError as error:
        return wrong("term key", "not set, or too short", str(error))
    return ok("term key", "set; it must be the same at the desk and at every text worker")


def ocr() -> Finding:
    """Return whether the words on screen can be read."""
    if (lacking := missing()) is None:
        return ok("ocr", "RapidOCR and Tesseract with Korean are here")
    return (wrong if lacking.needed else warn)("ocr", lacking.told, lacking.remedy)


def archive(settings: Settings) -> Finding:
    """Return whether match can use its folder, and has it for itself."""
    folder = settings.archive_dir
    home = _existing(folder)
    if not home.is_dir() or not os.access(home, os.W_OK | os.X_OK):
        return wrong("archive", f"{folder} cannot be written", "set JIKIMI_ARCHIVE_DIR to a folder of the worker's own")
    if _locked(folder / "archive.db" / "LOCK"):
        mend = "none if that is this worker; two workers need two folders (JIKIMI_ARCHIVE_DIR)"
        return warn("archive", f"{folder} is in use by a worker", mend)
    return ok("archive", f"{folder.absolute()} can be written and is free")


def room_for_media(settings: Settings) -> Finding:
    """Return whether as many of the largest media as are fetched at once have room."""
    media = settings.media
    folder = media.temporary_folder or Path(tempfile.gettempdir())
    wanted_gib = media.max_bytes * media.max_fetches / _GIB
    return _room("room for media", folder, wanted_gib, "JIKIMI_MEDIA_TEMPORARY_FOLDER")


def room_for_archive(settings: Settings) -> Finding:
    """Return whether the archive has room to begin with."""
    return _room("room for archive", settings.archive_dir, _LEAST_ARCHIVE_GIB, "JIKIMI_ARCHIVE_DIR")


def metrics_port(settings: Settings) -> Finding:
    """Return whether the port of the metrics is free."""
    port = settings.metrics_port
    if port is None:
        return ok("metrics port", "none is set: no metrics are served")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))  # noqa: S104 - as the metrics are served
        except OSError as error:
            mend = "none if a worker serves its metrics there; else set JIKIMI_METRICS_PORT to another"
            return warn("metrics port", f"{port} cannot be taken: {error.strerror}", mend)
    return ok("metrics port", f"{port} is free")


def open_files() -> Finding:
    """Return whether a worker may open enough files and connections."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < _LEAST_FILES:
        return warn("open files", f"at most {soft}", f"raise the limit: ulimit -n {_LEAST_FILES} or more")
    return ok("open files", "no limit" if soft == resource.RLIM_INFINITY else f"up to {soft:,}")


def _room(check: str, folder: Path, wanted_gib: float, setting: str) -> Finding:
    home = _existing(folder)
    free_gib = shutil.disk_usage(home).free / _GIB
    said = f"{free_gib:.1f} GiB free at {home}"
    if free_gib < wanted_gib:
        return warn(check, f"{said}, {wanted_gib:.1f} may be needed", f"free some, or set {setting}")
    return ok(check, said)


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest above it that exists."""
    folder = folder.absolute()
    return next(path for path in (folder, *folder.parents) if path.exists())


def _locked(file: Path) -> bool:
    """Return whether another process holds the lock; ours lasts no longer than the look."""
    try:
        with file.open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False
