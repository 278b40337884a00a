"""Pack as a folder or a zip file, written file by file with the SHA-256 of each, and read again."""

import os
import stat
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from pathlib import Path
from shutil import rmtree
from typing import IO, Self, override

from streams.errors import UsageError

MANIFEST, STATEMENT, SIGNATURE, PUBLIC_KEY = "manifest.sha256", "signed.txt", "signed.sig", "public-key.pem"
EVENTS, CHAINS, DELIVERIES, NOTICES = (f"data/{name}.jsonl" for name in ("events", "chains", "deliveries", "notices"))
CASE = "data/case.json"
FORMAT = "Jikimi evidence pack, format 1"
"""First line of the signed statement."""
FIRST_TIME = (1980, 1, 1, 0, 0, 0)
"""Time of every file in a zip: equal packs are equal bytes."""


class PackWriter:
    """Files of a new pack; it gets its name when all of it is written.

    Parameters
    ----------
    out
        Folder, or file that ends in .zip; must not exist, or be an empty folder.
    """

    def __init__(self, out: Path) -> None:
        if out.exists() and not (out.is_dir() and out.suffix != ".zip" and not any(out.iterdir())):
            raise UsageError(f"{out} exists: name a new folder or .zip file")
        self.digests: dict[str, str] = {}
        """SHA-256 of each file, hexadecimal, by path in the pack."""
        self._out = out
        self._part = out.with_name(f".{out.name}.{os.getpid()}.part")
        self._zip: zipfile.ZipFile | None = None

    def __enter__(self) -> Self:
        self._out.parent.mkdir(parents=True, exist_ok=True)
        if self._out.suffix == ".zip":
            self._zip = zipfile.ZipFile(self._part, "x", zipfile.ZIP_DEFLATED)
        else:
            self._part.mkdir()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self._zip is not None:
            self._zip.close()
        if kind is None:
            self._part.replace(self._out)
        elif self._part.is_dir():
            rmtree(self._part)
        else:
            self._part.unlink()

    def write(self, path: str, chunks: Iterable[bytes]) -> None:
        """Write one file."""
        digest = sha256()
        with self._open(path) as file:
            for chunk in chunks:
                digest.update(chunk)
                file.write(chunk)
        self.digests[path] = digest.hexdigest()

    @contextmanager
    def _open(self, path: str) -> Iterator[IO[bytes]]:
        with ExitStack() as stack:
            if self._zip is None:
                file = self._part / path
                file.parent.mkdir(parents=True, exist_ok=True)
                yield stack.enter_context(file.open("xb"))
                return
            entry = zipfile.ZipInfo(path, FIRST_TIME)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            yield stack.enter_context(self._zip.open(entry, "w", force_zip64=True))


class PackReader(ABC):
    """Files of a pack, which nobody trusts yet: nothing is unpacked, no link is followed."""

    @abstractmethod
    def names(self) -> list[str]:
        """Return the path of every file in the pack; a name that occurs twice is twice in it."""

    @abstractmethod
    def open(self, path: str) -> IO[bytes]:
        """Open a file.

        Raises
        ------
        OSError
            There is none, or it is not a plain file.
        """

    def read(self, path: str, limit_bytes: int = 1024 * 1024) -> bytes:
        """Return the content of a short file; raises as `open`, also if it is longer."""
        with self.open(path) as file:
            content = file.read(limit_bytes + 1)
        if len(content) > limit_bytes:
            raise OSError(f"longer than {limit_bytes} bytes")
        return content


class FolderReader(PackReader):
    """A pack in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @override
    def names(self) -> list[str]:
        return sorted(
            path.relative_to(self._folder).as_posix()
            for path in self._folder.rglob("*")
            if path.is_symlink() or not path.is_dir()
        )

    @override
    def open(self, path: str) -> IO[bytes]:
        file = self._folder / path
        if not file.resolve().is_relative_to(self._folder.resolve()) or not stat.S_ISREG(file.lstat().st_mode):
            raise OSError("not a plain file of the pack")
        return file.open("rb")


class ZipReader(PackReader):
    """A pack in a zip file."""

    def __init__(self, file: Path) -> None:
        self._zip = zipfile.ZipFile(file)

    @override
    def names(self) -> list[str]:
        return sorted(entry.filename for entry in self._zip.infolist() if not entry.is_dir())

    @override
    def open(self, path: str) -> IO[bytes]:
        try:
            return self._zip.open(path)
        except (KeyError, RuntimeError, NotImplementedError) as error:  # none, encrypted, or a compression unknown here
            raise OSError(str(error)) from error


def open_pack(path: Path) -> PackReader:
    """Return the reader of a pack.

    Raises
    ------
    UsageError
        There is no pack at this path.
    """
    try:
        return FolderReader(path) if path.is_dir() else ZipReader(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise UsageError(f"{path} is not an evidence pack: {error}") from error
