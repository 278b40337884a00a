"""Hash lists of others on the broker: parts of a compacted topic, so that an update writes only what has changed."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from schemas.messages import ListEntry, ListPart
from streams.exchange.formats.changes import Change, Signal
from streams.kafka.clients import create_codec
from streams.kafka.topic_reader import Update
from streams.kafka.whole_topic import read_each
from streams.settings import Settings

TOPIC = "lists"
PARTS = 4_096
"""Parts of a list: of a million hashes each is a record of about 20 kB."""

type Entries = Mapping[str, Change]
"""Entries of a list by the id at its exchange."""


def part_key(list_id: str, part: int) -> str:
    """Return the key of a part of a list."""
    return f"{list_id}/{part:03x}"


def part_of(origin: str) -> int:
    """Return the part of an entry."""
    return int.from_bytes(hashlib.sha256(origin.encode()).digest()[:2]) * PARTS >> 16


def microseconds(at: datetime) -> int:
    """Return a time as entries have it, since the epoch."""
    return round(at.timestamp() * 1_000_000)


def parts_of(list_id: str, entries: Entries, at: datetime, before: Iterable[ListPart] = ()) -> dict[str, ListPart]:
    """Return the parts of a list by their keys; one without entries is left out.

    Parameters
    ----------
    before
        Parts of the list until now: what they have keeps its time.
    """
    since = {_name(entry): entry.since for part in before for entry in part.entries}
    found: dict[int, list[ListEntry]] = defaultdict(list)
    for origin in sorted(entries):
        for entry in _written(entries[origin]):
            known = since.get(_name(entry), microseconds(at))
            found[part_of(origin)].append(msgspec.structs.replace(entry, since=known))
    return {
        part_key(list_id, part): ListPart(list_id=list_id, part=part, entries=of_it, at=at)
        for part, of_it in found.items()
    }


def entries_of(parts: Iterable[ListPart]) -> dict[str, Change]:
    """Return the entries in these parts."""
    found: dict[str, Change] = {}
    for part in parts:
        for entry in part.entries:
            known = found.get(entry.origin, Change(entry.origin, (), entry.film))
            signal = Signal(entry.kind, entry.value)
            found[entry.origin] = known._replace(signals=(*known.signals, signal))
    return found


class Stored(NamedTuple):
    """What the topic has of a list, and of all of them."""

    parts: dict[str, ListPart]
    """Parts of the list in force, by their keys."""
    n_bytes: int
    """Of the parts of all lists."""
    newest: datetime
    """Time of the newest part of any list."""


async def read_parts(settings: Settings, list_id: str) -> Stored:
    """Return the parts of a list in force, none if there is no such list.

    Raises
    ------
    UsageError
        The broker does not answer, or has no such topic.
    WireError
        A part cannot be decoded.
    """
    codec, prefix = create_codec(settings), f"{list_id}/".encode()
    values: dict[bytes, bytes] = {}
    sizes: dict[bytes, int] = {}
    last = b""

    def apply(updates: list[Update]) -> None:
        nonlocal last
        for update in updates:
            last = update.value or last
            sizes[update.key] = len(update.value or b"")
            if update.key.startswith(prefix):
                values.pop(update.key, None)
                if update.value is not None:
                    values[update.key] = update.value

    await read_each(settings, TOPIC, apply)
    parts = {key.decode(): codec.decode(TOPIC, value) for key, value in values.items()}
    found = {key: part for key, part in parts.items() if isinstance(part, ListPart)}
    newest = codec.decode(TOPIC, last) if last else None
    at = newest.at if isinstance(newest, ListPart) else datetime.fromtimestamp(0, UTC)
    return Stored(found, sum(sizes.values()), at)


def _name(entry: ListEntry) -> tuple[str, str, bytes]:
    return entry.origin, entry.kind, entry.value


def _written(change: Change) -> list[ListEntry]:
    return [
        ListEntry(origin=change.origin, kind=signal.kind, value=signal.value, film=change.is_film)
        for signal in change.signals
    ]
