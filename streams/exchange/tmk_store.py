"""TMK+PDQF of imported lists, sealed in the desk's folder on this machine: they are 263 kB each, too much for Kafka."""

import hashlib
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from models.tmk.descriptor import Tmk
from models.tmk.file import FILE_BYTES, read_tmk
from streams.errors import RecordError, UsageError
from streams.sealing.keyring import Keyring, place
from streams.settings import Settings

MOST_KEPT = 10_000
"""Descriptors of one list, 2.6 GB."""
_KEPT, _INCOMING = ".tmk", ".part"


class Stored(NamedTuple):
    """A descriptor of a list."""

    origin: str
    """Id of its entry at its exchange."""
    tmk: Tmk


class TmkStore:
    """Descriptors of one list, a file each, sealed with the key of cases' data.

    What an import brings becomes part of the list by `commit`; what a killed one has left is deleted by the next.
    """

    def __init__(self, settings: Settings, list_id: str) -> None:
        self._folder = tmk_folder(settings, list_id)
        self._list_id = list_id
        self._settings = settings.sealing
        self._incoming: set[str] = set()
        self._names: set[str] = set()

    def __len__(self) -> int:
        return len(self._files())

    @contextmanager
    def receiving(self) -> Iterator[None]:
        """Delete what was added and not committed on exit."""
        self._discard()
        self._names = {file.stem for file in self._files()}
        try:
            yield
        finally:
            self._discard()

    def add(self, origin: str, content: bytes) -> None:
        """Keep the file of an entry until `commit`.

        Raises
        ------
        UsageError
            The list would have too many, or the folder cannot be written.
        """
        self._incoming.add(name := _name(origin))
        self._names.add(name)
        if len(self._names) > MOST_KEPT:
            raise UsageError(f"{self._list_id} would have more than {MOST_KEPT} TMK+PDQF")
        sealed = self._keyring.seal("cases", origin.encode() + content, self._place(name))
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            (self._folder / name).with_suffix(_INCOMING).write_bytes(sealed)
        except OSError as error:
            raise UsageError(f"{self._folder}: {error.strerror}") from error

    def has_incoming(self, origin: str) -> bool:
        """Return whether a file of this entry was added."""
        return _name(origin) in self._incoming

    def commit(self, gone: Collection[str], kept: Collection[str] | None = None) -> None:
        """Take in what was added, and delete the files of entries that are gone, or that are not kept."""
        for file in self._folder.glob(f"*{_INCOMING}"):
            file.rename(file.with_suffix(_KEPT))
        less, more = set(map(_name, gone)), None if kept is None else set(map(_name, kept))
        for file in self._files():
            if file.stem in less or (more is not None and file.stem not in more):
                file.unlink()

    def read(self) -> Iterator[Stored]:
        """Yield the descriptors, one in memory at a time.

        Raises
        ------
        UsageError
            One cannot be read or unsealed.
        """
        for file in self._files():
            try:
                content = self._keyring.unseal("cases", file.read_bytes(), self._place(file.stem))
                yield Stored(content[:-FILE_BYTES].decode(), read_tmk(content[-FILE_BYTES:]))
            except (OSError, ValueError) as error:
                raise UsageError(f"{file}: {error}") from error
            except RecordError as error:
                raise UsageError(f"{file}: {error.detail}") from error

    @cached_property
    def _keyring(self) -> Keyring:
        return Keyring(self._settings)

    def _place(self, name: str) -> bytes:
        return place("tmk", self._list_id, name)

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob(f"*{_KEPT}"))

    def _discard(self) -> None:
        for file in self._folder.glob(f"*{_INCOMING}"):
            file.unlink()


def tmk_folder(settings: Settings, list_id: str) -> Path:
    """Return the folder of a list's descriptors."""
    return settings.desk_path / "tmk" / hashlib.sha256(list_id.encode()).hexdigest()[:32]


def erase_tmk(settings: Settings, list_id: str) -> None:
    """Delete the descriptors of a list that is withdrawn; raises a `UsageError` if they cannot be."""
    folder = tmk_folder(settings, list_id)
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(f"{folder} cannot be deleted: {error.strerror}") from error


def _name(origin: str) -> str:
    return hashlib.sha256(origin.encode()).hexdigest()
