"""Lookups in the lists, with HMA's names: a bank is a list, a content an entry's hash."""

import hashlib
from collections.abc import Collection

import numpy as np

from models.pdq.hash import Bits
from streams.describe.exact import keyed
from streams.errors import UsageError
from streams.exchange.formats.changes import Signal, signal_of
from streams.exchange.formats.lines import NAMES
from streams.exchange.list_index import Found, ListIndex

type Matches = list[dict[str, object]]


class Lookup:
    """One index, and the key under which it has MD5."""

    def __init__(self, index: ListIndex, key: bytes) -> None:
        self._index, self._key = index, key

    def signal(self, kind: str, value: str) -> list[Found]:
        """Return what is near to a hash in hexadecimal digits; raises a `UsageError` if it is none."""
        if (ours := NAMES.get(kind)) is None:
            raise UsageError(f"no such signal_type {kind!r}: pdq or video_md5")
        signal = signal_of(ours, value, 1)
        if ours == "md5":
            return self._index.equal([keyed(signal.value, self._key)])
        return self.pictures(np.frombuffer(signal.value, np.uint8)[None])

    def pictures(self, hashes: Bits) -> list[Found]:
        """Return what is near to one of these hashes, each once and at its smallest distance, the nearest first."""
        nearest: dict[tuple[str, Signal], Found] = {}
        for found in (found for near in self._index.near(hashes) for found in near):
            name = found.list_id, found.signal
            if name not in nearest or found.distance < nearest[name].distance:
                nearest[name] = found
        return sorted(nearest.values(), key=lambda one: (one.distance, one.list_id, one.signal))


def in_banks(found: list[Found], banks: str | None) -> list[Found]:
    """Return what is in banks with these names, separated by commas; all without names."""
    names: Collection[str] | None = banks.split(",") if banks else None
    return [one for one in found if names is None or one.list_id in names]


def by_bank(found: list[Found]) -> dict[str, Matches]:
    """Return the matches by bank."""
    banks: dict[str, Matches] = {}
    for one in found:
        banks.setdefault(one.list_id, []).append({"bank_content_id": content_id(one), "distance": str(one.distance)})
    return banks


def content_id(found: Found) -> int:
    """Return the number of an entry, the same in every process: 53 bits, which JavaScript holds."""
    name = f"{found.list_id}/{found.signal.name}"
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) >> 11
