"""Private files: only their user may read them, and nobody ever reads one half written."""

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def create(file: Path, content: bytes) -> bool:
    """Write a new file with its folder; False if it exists by now: two first uses end with one whole file.

    Raises
    ------
    OSError
        It cannot be written.
    """
    return _written(file, content, _link)


def replace(file: Path, content: bytes) -> None:
    """Rewrite a file; raises as `create` does."""
    _written(file, content, _replace)


def _written(file: Path, content: bytes, put: Callable[[Path, Path], bool]) -> bool:
    """Write the content under a name of its own, then give it the file's."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")  # of mode 0600
    new = Path(name)
    try:
        with open(descriptor, "wb") as opened:  # noqa: PTH123 - a descriptor
            opened.write(content)
            opened.flush()
            os.fsync(descriptor)
        return put(new, file)
    finally:
        with suppress(OSError):
            new.unlink()


def _link(new: Path, file: Path) -> bool:
    try:
        os.link(new, file)
    except FileExistsError:
        return False
    return True


def _replace(new: Path, file: Path) -> bool:
    new.replace(file)
    return True
