"""Java programs fetched with Maven into var/, once, and run on loopback."""

import fcntl
import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

VAR = Path(__file__).parents[1] / "var"
"""Where downloads and data go; never committed."""


class UnavailableError(RuntimeError):
    """This machine cannot run the program; the message says what is missing and how to get it."""


def require(*programs: str) -> None:
    """Raise UnavailableError unless all these programs are on the PATH."""
    if missing := [program for program in programs if shutil.which(program) is None]:
        raise UnavailableError(f"{' and '.join(missing)} not found: install a JDK, 17 or newer, and Maven")


def maven(name: str, arguments: Sequence[str], *, stamp: bytes) -> Path:
    """Return the folder that Maven filled, asking Maven only when it is not there yet.

    Parameters
    ----------
    name
        Of the folder in var/.
    arguments
        Goal and settings; `{folder}` in them becomes the folder to fill.
    stamp
        What the content depends on: another stamp is another folder.

    Raises
    ------
    UnavailableError
        If there is no Maven, or it could not download.
    """
    folder = VAR / f"{name}-{hashlib.sha256(stamp).hexdigest()[:12]}"
    with alone(VAR / "maven.lock"):
        if not folder.is_dir():
            _fill(folder, name, arguments)
    return folder


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Keep other processes that ask for the same lock file from downloading at once; they wait."""
    path.parent.mkdir(exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # let go when it is closed, or the process dies
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
