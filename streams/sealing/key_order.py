"""Order of the keys of one purpose: which is in use, which are waiting, and which are no longer needed.

All follows from the times in the file, so that every process comes to the same result without another agreement.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from streams.sealing.key_file import StoredKey
from streams.sealing.purposes import Purpose, retention


def of_purpose(keys: Iterable[StoredKey], purpose: Purpose) -> list[StoredKey]:
    """Return the keys of a purpose, the oldest first."""
    return sorted((key for key in keys if key.purpose == purpose), key=lambda key: (key.made_at, key.key_id))


def in_use(keys: list[StoredKey], now: datetime, delay: timedelta) -> StoredKey:
    """Return the key that seals: the newest of an age from `delay`, the oldest if there is none."""
    return next((key for key in reversed(keys) if key.made_at + delay <= now), keys[0])


def needed_until(keys: list[StoredKey], key: StoredKey, delay: timedelta) -> datetime | None:
    """Return the time from which nothing sealed with a key is on the broker; None without an end."""
    later = keys[keys.index(key) + 1 :]
    kept = retention(key.purpose)
    return later[0].made_at + delay + kept if later and kept is not None else None


def expired(keys: list[StoredKey], now: datetime, delay: timedelta) -> list[StoredKey]:
    """Return the keys of one purpose that nothing on the broker needs any more."""
    ends = ((key, needed_until(keys, key, delay)) for key in keys)
    return [key for key, end in ends if end is not None and end <= now]
