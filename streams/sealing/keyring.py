"""Keyring: seals bytes for a purpose and a place, and unseals them, with the keys of the key file.

A sealed value is `JS1`, then Tink's version byte, key id (4 bytes), nonce (24), ciphertext and tag (16). The algorithm
is XAES-256-GCM (C2SP), in Tink: AES-256-GCM under a data key that is derived, by AES-CMAC, from the ring's key and half
of the random nonce. So each value has a data key of its own, as if drawn for it, and nothing more to store or to wrap:
finer than a key for each post, and without the limit of 2^32 values of a plain AES-GCM key.

The place (field, post, medium, segment, time) is associated data: bytes moved to another place do not unseal.

The file is looked at every two seconds, after an unknown key at once but at most five times a second, and read again
only when it was replaced.
"""

import json
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import structlog
import tink
from tink import aead, json_proto_keyset_format, secret_key_access

from streams.errors import TransientError, UnprocessableError, UsageError
from streams.sealing.key_file import SETTING, KeyFile, Stamp, StoredKey
from streams.sealing.key_order import in_use, of_purpose
from streams.sealing.purposes import PURPOSES, Purpose, retention
from streams.sealing.settings import SealingSettings

log = structlog.get_logger()

_MAGIC = b"JS1"
_ID = slice(4, 8)
"""Of the key's id, after the magic and Tink's version byte."""
_LOOK_S, _SOON_S = 2.0, 0.2


class _Loaded(NamedTuple):
    stamp: Stamp
    ciphers: dict[tuple[Purpose, int], Any]
    in_use: dict[Purpose, int]
    next_at: datetime | None
    """Time from which a waiting key is in use."""


def place(*parts: object) -> bytes:
    """Return the place of a value, as associated data: equal only for equal parts."""
    return msgspec.json.encode(parts)


def new_key(purpose: Purpose, now: datetime) -> StoredKey:
    """Return a new random key."""
    aead.register()
    handle = tink.new_keyset_handle(aead.aead_key_templates.XAES_256_GCM_192_BIT_NONCE)
    keyset = json.loads(json_proto_keyset_format.serialize(handle, secret_key_access.TOKEN))
    return StoredKey(purpose=purpose, key_id=keyset["primaryKeyId"], made_at=now, keyset=keyset)


def key_id_of(sealed: bytes) -> int | None:
    """Return the id of the key of a sealed value, None if it is not sealed."""
    return int.from_bytes(sealed[_ID]) if sealed.startswith(_MAGIC) and len(sealed) > _ID.stop else None


class Keyring:
    """The keys of the file that the settings name; safe to use from several threads.

    Raises
    ------
    UsageError
        The file cannot be read, or does not exist and must or can not be created.
    """

    def __init__(self, settings: SealingSettings) -> None:
        self.file = KeyFile(settings)
        self._delay = timedelta(seconds=settings.key_delay_s)
        self._lock = threading.Lock()
        if not self.file.path.exists():
            self._create(may=settings.create)
        self._loaded = self._read()
        self._looked_s = time.monotonic()

    def seal(self, purpose: Purpose, content: bytes, where: bytes) -> bytes:
        """Return content sealed for a place, with the key in use."""
        loaded = self._current()
        sealed: bytes = loaded.ciphers[purpose, loaded.in_use[purpose]].encrypt(content, where)
        return _MAGIC + sealed

    def unseal(self, purpose: Purpose, sealed: bytes, where: bytes) -> bytes:
        """Return the content of a sealed value.

        Raises
        ------
        UnprocessableError
            It is not sealed (`seal_missing`), or was changed or moved (`seal_broken`).
        TransientError
            Its key is not in the file (`seal_unknown_key`).
        """
        key_id = key_id_of(sealed)
        if key_id is None:
            raise UnprocessableError("seal_missing", f"{purpose} that are not sealed")
        cipher = self._cipher(purpose, key_id)
        try:
            content: bytes = cipher.decrypt(sealed[len(_MAGIC) :], where)
        except tink.TinkError:
            # Without the cause: nothing of the value may enter a dead letter.
            raise UnprocessableError("seal_broken", f"{purpose} changed since they were sealed, or moved") from None
        return content

    def key_ids(self, purpose: Purpose) -> set[int]:
        """Return the ids of all keys of a purpose."""
        return {key_id for its, key_id in self._current().ciphers if its == purpose}

    def _cipher(self, purpose: Purpose, key_id: int) -> Any:  # noqa: ANN401 - a primitive of Tink
        key = purpose, key_id
        cipher = self._current().ciphers.get(key) or self._current(soon=True).ciphers.get(key)
        if cipher is None:
            detail = f"the {purpose} are sealed with key {key_id:08x}, which is not in {self.file.path}"
            raise TransientError("seal_unknown_key", f"{detail}: it was destroyed, or this process has other keys")
        return cipher

    def _current(self, *, soon: bool = False) -> _Loaded:
        if time.monotonic() - self._looked_s >= (_SOON_S if soon else _LOOK_S):
            with self._lock:
                self._look()
        return self._loaded

    def _look(self) -> None:
        """Read the file again if it was replaced; without a readable one the keys at hand stay in use."""
        self._looked_s = time.monotonic()
        next_at = self._loaded.next_at
        try:
            if self.file.stamp() != self._loaded.stamp or (next_at is not None and datetime.now(UTC) >= next_at):
                self._loaded = self._read()
        except (UsageError, OSError) as error:
            log.warning("sealing keys not read again, the old ones stay in use", error=str(error))

    def _read(self) -> _Loaded:
        stamp, keys, now = self.file.stamp(), self.file.read(), datetime.now(UTC)
        of_each = {purpose: of_purpose(keys, purpose) for purpose in PURPOSES}
        if missing := [purpose for purpose, its in of_each.items() if not its]:
            raise UsageError(f"{SETTING}: {self.file.path} has no key for {missing[0]}: `jikimi keys rotate`")
        used = {purpose: in_use(its, now, self._delay).key_id for purpose, its in of_each.items()}
        waiting = [at for key in keys if (at := key.made_at + self._delay) > now]
        ciphers = {(key.purpose, key.key_id): _cipher_of(key) for key in keys}
        return _Loaded(stamp, ciphers, used, min(waiting, default=None))

    def _create(self, *, may: bool) -> None:
        path = self.file.path
        if not may:
            raise UsageError(f"{SETTING}: {path} does not exist: mount the keys of the system, or `jikimi keys create`")
        if self.file.create([new_key(purpose, datetime.now(UTC)) for purpose in PURPOSES]):
            log.warning("new sealing keys", file=str(path), without_the_old=unreadable_without())


def unreadable_without() -> str:
    """Return what is gone without the keys of before, and what works, as one line."""
    media, thumbnails = retention("media"), retention("thumbnails")
    assert media is not None
    assert thumbnails is not None
    return (
        f"what was sealed with other keys before, if anything, is unreadable: frames and sounds of the last hours "
        f"(dead letters: {media.days} days), thumbnails of {thumbnails.days} days and of all cases; detection works "
        f"for all new posts, and earlier posts can be replayed (jikimi replay)"
    )


def _cipher_of(key: StoredKey) -> Any:  # noqa: ANN401 - a primitive of Tink
    aead.register()
    try:
        handle = json_proto_keyset_format.parse(json.dumps(key.keyset), secret_key_access.TOKEN)
        return handle.primitive(aead.Aead)
    except tink.TinkError:
        raise UsageError(f"{SETTING}: {key!r} is broken") from None  # without the cause, which may quote the key
