"""File of the sealing keys: created once, read whole, replaced whole.

A key is a Tink keyset of one key in Tink's JSON, beside its purpose and the time it was made, from which every process
derives which key is in use. With a master key the list is encrypted, else the file's mode protects it.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import tink

from streams.audit.settings import data_folder
from streams.errors import UsageError
from streams.sealing.master_key import master_key
from streams.sealing.purposes import Purpose
from streams.sealing.settings import SealingSettings
from streams.secrets import whole_file

SETTING = "JIKIMI_SEALING_KEY_FILE"
_FORMAT = "jikimi-keys-1"
_PLACE = b"jikimi-keys"
"""Associated data of the encrypted list."""
_BY_ANYBODY, _BY_GROUP = 0o007, 0o070


class StoredKey(msgspec.Struct, frozen=True, kw_only=True):
    """One key."""

    purpose: Purpose
    key_id: int
    made_at: datetime
    keyset: dict[str, Any]
    """Secret."""

    def __repr__(self) -> str:
        """Return purpose and id, never the key."""
        return f"<{self.purpose} key {self.key_id:08x}>"


class _Content(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    format: str
    keys: list[StoredKey] = []
    master: str = ""
    sealed: bytes = b""


class Stamp(NamedTuple):
    """What changes with every replacement of the file."""

    inode: int
    modified_ns: int
    n_bytes: int


def default_file() -> Path:
    """Return the key file in the user's folder of data."""
    return data_folder() / "keys.json"


class KeyFile:
    """The file that the settings name."""

    def __init__(self, settings: SealingSettings) -> None:
        self.path = settings.key_file or default_file()
        self._kms_uri = settings.kms_uri or ""

    def stamp(self) -> Stamp:
        """Return the file's stamp; raises `OSError`."""
        status = self.path.stat()
        return Stamp(status.st_ino, status.st_mtime_ns, status.st_size)

    def read(self) -> list[StoredKey]:
        """Return all keys.

        Raises
        ------
        UsageError
            There is no such file, others may read it, it holds no keys, or the master key does not open it.
        """
        try:
            self._check_mode()
            content = msgspec.json.decode(self.path.read_bytes(), type=_Content)
        except (OSError, ValueError) as error:  # of msgspec, and of UTF-8
            raise UsageError(f"{SETTING}: {self.path}: {_line(error)}") from error
        if content.format != _FORMAT:
            raise UsageError(f"{SETTING}: {self.path} is not a file of sealing keys of this version")
        return self._opened(content) if content.sealed else content.keys

    def create(self, keys: list[StoredKey]) -> bool:
        """Write the first keys; return False if the file exists by now: two first uses end with one whole file.

        Raises
        ------
        UsageError
            The file cannot be written.
        """
        with self._writing():
            return whole_file.create(self.path, self._content(keys))

    @contextmanager
    def changing(self) -> Iterator[Callable[[list[StoredKey]], None]]:
        """Yield a function that replaces all keys; one process changes them at a time.

        Raises
        ------
        UsageError
            The file cannot be written: on several machines it is changed where it is made, and then distributed.
        """
        with self._writing():
            lock = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield self._replace
        finally:
            os.close(lock)

    def _replace(self, keys: list[StoredKey]) -> None:
        with self._writing():
            whole_file.replace(self.path, self._content(keys))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UsageError(f"{SETTING}: {self.path}: {_line(error)}") from error

    def _content(self, keys: list[StoredKey]) -> bytes:
        if not self._kms_uri:
            content = _Content(format=_FORMAT, keys=keys)
        else:
            sealed = self._asked(self._master.encrypt, msgspec.json.encode(keys))
            content = _Content(format=_FORMAT, master=self._kms_uri, sealed=sealed)
        return msgspec.json.format(msgspec.json.encode(content)) + b"\n"

    def _opened(self, content: _Content) -> list[StoredKey]:
        if content.master != self._kms_uri:
            raise UsageError(f"{self.path} is encrypted: set JIKIMI_SEALING_KMS_URI to {content.master}")
        return msgspec.json.decode(self._asked(self._master.decrypt, content.sealed), type=list[StoredKey])

    @cached_property
    def _master(self) -> Any:  # noqa: ANN401 - a primitive of Tink
        return master_key(self._kms_uri)

    def _asked(self, work: Callable[[bytes, bytes], bytes], content: bytes) -> bytes:
        try:
            return work(content, _PLACE)
        except tink.TinkError as error:
            raise UsageError(f"{self._kms_uri}: {_line(error)}") from error

    def _check_mode(self) -> None:
        """Refuse a file that others may read; its group only where the file is not ours, as a mounted secret."""
        status = self.path.stat()
        closed = _BY_ANYBODY | (_BY_GROUP if status.st_uid == os.geteuid() else 0)
        if status.st_mode & closed:
            raise UsageError(f"{self.path}: others can read the sealing keys: chmod 600 {self.path}")


def _line(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else " ".join(str(error).split())
