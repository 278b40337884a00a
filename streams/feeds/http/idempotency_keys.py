"""What was answered under which idempotency key, for a day and over restarts.

After the IETF draft on the Idempotency-Key header: the same key with the same request gets the same answer, with
another request it is refused.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

import msgspec

_MOST = 500_000
"""Keys remembered; beyond it the oldest go early."""
_PART = "key/"


class ReusedError(Exception):
    """The key was used for another request."""


class _Kept(msgspec.Struct, frozen=True):
    """As it stands in the feed's cursor."""

    digest: str
    ids: list[str]
    at_s: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request with a known key was answered, or will be."""

    ids: list[str]
    written: asyncio.Future[None] | None
    """None if it was before a restart."""


class Keys:
    """Remembers answers; each is written with the records it is about.

    Parameters
    ----------
    parts
        Of the feed's progress, as it was left.
    memory_s
        How long a key is remembered.
    """

    def __init__(self, parts: Mapping[str, str], memory_s: float) -> None:
        self._memory_s = memory_s
        read = ((part, msgspec.json.decode(kept, type=_Kept)) for part, kept in parts.items() if part.startswith(_PART))
        self._kept = dict(sorted(read, key=lambda item: item[1].at_s))
        self._written: dict[str, asyncio.Future[None]] = {}

    def find(self, key: str, request: bytes) -> Answer | None:
        """Return the answer under a key, None if the key is new or forgotten.

        Raises
        ------
        ReusedError
            The key stands for another request.
        """
        part = _part(key)
        kept = self._kept.get(part)
        if kept is None or kept.at_s < time.time() - self._memory_s:
            return None
        if kept.digest != sha256(request).hexdigest():
            raise ReusedError
        return Answer(kept.ids, self._written.get(part))

    def changes(self, key: str, request: bytes, ids: list[str]) -> dict[str, str | None]:
        """Return what to write so that the key is remembered and old ones are forgotten."""
        kept = _Kept(sha256(request).hexdigest(), ids, time.time())
        return {**dict.fromkeys(self._old()), _part(key): msgspec.json.encode(kept).decode()}

    def remember(self, changes: Mapping[str, str | None], written: asyncio.Future[None]) -> None:
        """Take in changes that are being written; they count from now."""
        for part, kept in changes.items():
            self._kept.pop(part, None)
            if kept is not None:
                self._kept[part] = msgspec.json.decode(kept, type=_Kept)
                self._written[part] = written
                written.add_done_callback(lambda done, part=part: self._settle(part, done))  # type: ignore[misc]

    def _settle(self, part: str, written: asyncio.Future[None]) -> None:
        self._written.pop(part, None)
        if written.cancelled():
            self._kept.pop(part, None)

    def _old(self) -> list[str]:
        """Return the parts to forget, oldest first."""
        oldest_s, most = time.time() - self._memory_s, max(0, len(self._kept) - _MOST + 1)
        old = []
        for number, (part, kept) in enumerate(self._kept.items()):
            if kept.at_s >= oldest_s and number >= most:
                break
            old.append(part)
        return old


def _part(key: str) -> str:
    # By digest: a key may hold anything, and is the client's secret.
    return _PART + sha256(key.encode()).hexdigest()
