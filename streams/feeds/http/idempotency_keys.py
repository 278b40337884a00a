"""Responses by idempotency key, stored for a day and across restarts.

After the IETF draft on the Idempotency-Key header: the same key with the same request gets the same response; with
another request it is refused.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

import msgspec

_MAX_KEYS = 500_000
"""Above it the oldest keys are evicted early."""
_PART_PREFIX = "key/"


class KeyReusedError(Exception):
    """The key was used for another request."""


class _StoredResponse(msgspec.Struct, frozen=True):
    digest: str
    ids: list[str]
    at_s: float


@dataclass(frozen=True, slots=True)
class KeyedResponse:
    """Response to an earlier request with the same key."""

    ids: list[str]
    written: asyncio.Future[None] | None
    """Set when the records are written; None if that was before a restart."""


class IdempotencyKeys:
    """Responses by key; each is written in the transaction of its records.

    Parameters
    ----------
    parts
        Of the feed's progress.
    retention_s
        Retention of a key.
    """

    def __init__(self, parts: Mapping[str, str], retention_s: float) -> None:
        self._retention_s = retention_s
        decoded = (
            (part, msgspec.json.decode(stored, type=_StoredResponse))
            for part, stored in parts.items()
            if part.startswith(_PART_PREFIX)
        )
        self._stored = dict(sorted(decoded, key=lambda item: item[1].at_s))
        self._written: dict[str, asyncio.Future[None]] = {}

    def find(self, key: str, request: bytes) -> KeyedResponse | None:
        """Return the response under a key, None if the key is new or evicted.

        Raises
        ------
        KeyReusedError
            The key belongs to another request.
        """
        part = _part(key)
        stored = self._stored.get(part)
        if stored is None or stored.at_s < time.time() - self._retention_s:
            return None
        if stored.digest != sha256(request).hexdigest():
            raise KeyReusedError
        return KeyedResponse(stored.ids, self._written.get(part))

    def changes(self, key: str, request: bytes, ids: list[str]) -> dict[str, str | None]:
        """Return the changes of the cursor that add a key and evict expired ones."""
        stored = _StoredResponse(sha256(request).hexdigest(), ids, time.time())
        return {**dict.fromkeys(self._expired()), _part(key): msgspec.json.encode(stored).decode()}

    def apply(self, changes: Mapping[str, str | None], written: asyncio.Future[None]) -> None:
        """Apply changes that are being written; they are effective at once."""
        for part, stored in changes.items():
            self._stored.pop(part, None)
            if stored is not None:
                self._stored[part] = msgspec.json.decode(stored, type=_StoredResponse)
                self._written[part] = written
                written.add_done_callback(lambda done, part=part: self._finish(part, done))  # type: ignore[misc]

    def _finish(self, part: str, written: asyncio.Future[None]) -> None:
        self._written.pop(part, None)
        if written.cancelled():
            self._stored.pop(part, None)

    def _expired(self) -> list[str]:
        """Return the parts to evict, oldest first."""
        oldest_s, n_excess = time.time() - self._retention_s, max(0, len(self._stored) - _MAX_KEYS + 1)
        expired = []
        for number, (part, stored) in enumerate(self._stored.items()):
            if stored.at_s >= oldest_s and number >= n_excess:
                break
            expired.append(part)
        return expired


def _part(key: str) -> str:
    # A digest, because a key may contain any characters and is the client's secret.
    return _PART_PREFIX + sha256(key.encode()).hexdigest()
