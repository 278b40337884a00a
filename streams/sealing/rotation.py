"""`jikimi keys`: keys made, listed, replaced by newer ones and destroyed."""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from streams.errors import UsageError
from streams.sealing.key_file import KeyFile, StoredKey
from streams.sealing.key_order import expired, in_use, needed_until, of_purpose
from streams.sealing.keyring import new_key
from streams.sealing.purposes import CONTENT, PURPOSES, Purpose
from streams.sealing.settings import SealingSettings

MAX_KEYS = 200
"""Keys of one purpose in the file; no more are made beyond it."""


class Listed(NamedTuple):
    """One key and what it is needed for."""

    key: StoredKey
    state: str


class Rotated(NamedTuple):
    """Result of a rotation."""

    made: list[StoredKey]
    removed: list[StoredKey]
    """Keys that nothing on the broker needed any more."""


def create(settings: SealingSettings) -> KeyFile:
    """Create the key file.

    Raises
    ------
    UsageError
        It exists, or cannot be written.
    """
    file = KeyFile(settings)
    if not file.create([new_key(purpose, datetime.now(UTC)) for purpose in PURPOSES]):
        raise UsageError(f"{file.path} exists: `jikimi keys rotate` makes further keys")
    return file


def listed(settings: SealingSettings) -> Iterator[Listed]:
    """Yield the keys by purpose, the oldest first; raises as `KeyFile.read`."""
    keys, now, delay = KeyFile(settings).read(), datetime.now(UTC), timedelta(seconds=settings.key_delay_s)
    for purpose in PURPOSES:
        its = of_purpose(keys, purpose)
        yield from (Listed(key, _state(its, key, now, delay)) for key in its)


def _state(keys: list[StoredKey], key: StoredKey, now: datetime, delay: timedelta) -> str:
    used = in_use(keys, now, delay)
    if key == used:
        return "seals"
    if keys.index(key) > keys.index(used):
        return f"seals from {key.made_at + delay:%Y-%m-%d %H:%M} UTC"
    end = needed_until(keys, key, delay)
    return "unseals" if end is None else f"unseals, needed until {end:%Y-%m-%d %H:%M} UTC"


def rotate(settings: SealingSettings, purposes: Collection[Purpose]) -> Rotated:
    """Make a further key for each of these purposes, and remove those that nothing on the broker needs any more.

    Raises
    ------
    UsageError
        There is no key file, it cannot be written, or has too many keys of one purpose.
    """
    file, now, delay = KeyFile(settings), datetime.now(UTC), timedelta(seconds=settings.key_delay_s)
    with file.changing() as replace:
        keys = file.read()
        removed = [key for purpose in PURPOSES for key in expired(of_purpose(keys, purpose), now, delay)]
        kept = [key for key in keys if key not in removed]
        made = [_further(purpose, kept, now) for purpose in purposes]
        replace([*kept, *made])
    return Rotated(made, removed)


def _further(purpose: Purpose, keys: list[StoredKey], now: datetime) -> StoredKey:
    if len(its := of_purpose(keys, purpose)) >= MAX_KEYS:
        raise UsageError(f"there are {len(its)} keys for {purpose}, the most: `jikimi keys destroy` the oldest")
    taken = {key.key_id for key in its}
    return next(key for key in iter(lambda: new_key(purpose, now), None) if key.key_id not in taken)


def loss(settings: SealingSettings, key_id: int) -> str:
    """Return what becomes unreadable without a key, as one line; raises as `destroy` does."""
    keys, now, delay = KeyFile(settings).read(), datetime.now(UTC), timedelta(seconds=settings.key_delay_s)
    key = _destroyable(keys, key_id, now, delay)
    its = of_purpose(keys, key.purpose)
    later = its[its.index(key) + 1]
    end = needed_until(its, key, delay)
    if end is not None and end <= now:
        return f"nothing that is still on the broker needs key {key_id:08x}"
    span = f"{key.made_at:%Y-%m-%d %H:%M} and {later.made_at + delay:%Y-%m-%d %H:%M} UTC"
    return f"{CONTENT[key.purpose]} sealed between {span} become unreadable for ever, also in backups of Kafka"


def destroy(settings: SealingSettings, key_id: int) -> None:
    """Remove a key from the file; workers drop it within seconds.

    Raises
    ------
    UsageError
        There is no such key, or it is in use or waits to be.
    """
    file, delay = KeyFile(settings), timedelta(seconds=settings.key_delay_s)
    with file.changing() as replace:
        keys = file.read()
        key = _destroyable(keys, key_id, datetime.now(UTC), delay)
        replace([each for each in keys if each != key])


def _destroyable(keys: list[StoredKey], key_id: int, now: datetime, delay: timedelta) -> StoredKey:
    key = next((key for key in keys if key.key_id == key_id), None)
    if key is None:
        raise UsageError(f"there is no key {key_id:08x}: `jikimi keys list` shows all")
    its = of_purpose(keys, key.purpose)
    if its.index(key) >= its.index(in_use(its, now, delay)):
        raise UsageError(f"key {key_id:08x} seals the {key.purpose}, or will: `jikimi keys rotate` first")
    return key
