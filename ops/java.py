"""Java programs, fetched once with Maven into var/ and run on loopback."""

import fcntl
import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

VAR = Path(__file__).parents[1] / "var"
"""Folder of downloads and data; never committed."""


class UnavailableError(RuntimeError):
    """This machine cannot run the program; the message names the missing requirement and how to install it."""


def require(*programs: str) -> None:
    """Raise UnavailableError unless all these programs are on the PATH."""
    if missing := [program for program in programs if shutil.which(program) is None]:
        raise UnavailableError(f"{' and '.join(missing)} not found: install a JDK, 17 or newer, and Maven")


def maven(name: str, arguments: Sequence[str], *, stamp: bytes) -> Path:
    """Return the folder filled by Maven, which runs only if the folder does not exist yet.

    Parameters
    ----------
    name
        Name of the folder in var/.
    arguments
        Goal and settings; `{folder}` in them becomes the folder to fill.
    stamp
        Inputs of the content: another stamp gives another folder.

    Raises
    ------
    UnavailableError
        If there is no Maven, or it could not download.
    """
    folder = VAR / f"{name}-{hashlib.sha256(stamp).hexdigest()[:12]}"
    with exclusive(VAR / "maven.lock"):
        if not folder.is_dir():
            _fill(folder, name, arguments)
    return folder


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file, so that only one process downloads at a time; the others wait."""
    path.parent.mkdir(exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # released when the file is closed or the process dies
        yield


def _fill(folder: Path, name: str, arguments: Sequence[str]) -> None:
    require("mvn")
    with tempfile.TemporaryDirectory(dir=VAR, prefix=f"{name}-") as scratch:
        filled = Path(scratch) / "filled"
        command = ["mvn", "--quiet", "--batch-mode", *(part.format(folder=filled) for part in arguments)]
        done = subprocess.run(  # noqa: S603  # our own command line
            command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )
        if done.returncode:
            raise UnavailableError(f"Maven could not fetch {name}: {done.stdout.strip()[:500]}")
        filled.rename(folder)
