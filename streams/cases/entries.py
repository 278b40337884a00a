"""Entries of the cases topic: their keys, and readers of all of them for commands."""

from collections.abc import Iterable
from typing import NamedTuple

from schemas.ids import full_name
from schemas.messages import Case, Reference
from streams.errors import UsageError
from streams.kafka.clients import create_codec
from streams.kafka.topic_reader import Update
from streams.kafka.whole_topic import read_each, read_latest
from streams.settings import Settings

TOPIC = "cases"
TERMS = "terms"
"""Reference id of the terms and phrases that a case was opened with."""
ADDED_TERMS = f"{TERMS}-"
"""Start of the reference ids of those that were added later."""


def case_key(case_id: str) -> str:
    """Return the key of a case's policy entry."""
    return case_id


def reference_key(case_id: str, reference: Reference) -> str:
    """Return the key of one piece of a reference, described by one model."""
    piece = f"{reference.reference_id}/{reference.modality}/{reference.segment}"
    return f"{case_id}/{piece}/{full_name(reference.model, reference.version)}"


def is_terms(reference_id: str) -> bool:
    """Return whether a reference is terms and phrases."""
    return reference_id == TERMS or reference_id.startswith(ADDED_TERMS)


def references_of(entries: Iterable[Case]) -> list[Reference]:
    """Return the pieces of references in these entries."""
    return [entry.reference for entry in entries if entry.reference is not None]


async def read_keys(settings: Settings) -> list[str]:
    """Return the key of every active entry.

    Raises
    ------
    UsageError
        The broker does not answer, or has no such topic.
    """
    active: dict[bytes, None] = {}

    def apply(updates: list[Update]) -> None:
        for update in updates:  # without the values: together these are as large as the topic
            active.pop(update.key, None) if update.value is None else active.setdefault(update.key)

    await read_each(settings, TOPIC, apply)
    return [key.decode() for key in active]


async def read_cases(settings: Settings) -> dict[str, list[Case]]:
    """Return the entries of every open case, by case id.

    Raises
    ------
    UsageError
        The broker does not answer, or has no such topic.
    WireError
        An entry cannot be decoded.
    """
    codec = create_codec(settings)
    found: dict[str, list[Case]] = {}
    for update in (await read_latest(settings, TOPIC)).values():
        entry = codec.decode(TOPIC, update.value or b"")
        assert isinstance(entry, Case)
        found.setdefault(entry.case_id, []).append(entry)
    return found


class CaseEntries(NamedTuple):
    """Entries of one open case."""

    entries: list[Case]
    newest: int
    """Offset of its newest piece of a reference, -1 without one."""


async def read_entries(settings: Settings, case_id: str) -> CaseEntries | None:
    """Return the entries of one case, the only ones that are kept and decoded, None if no such case is open.

    Raises
    ------
    UsageError, WireError
        As `read_cases`.
    """
    codec, own, first = create_codec(settings), case_key(case_id).encode(), f"{case_id}/".encode()
    last: dict[bytes, Update] = {}

    def apply(updates: list[Update]) -> None:
        last.update({update.key: update for update in updates if update.key == own or update.key.startswith(first)})

    await read_each(settings, TOPIC, apply)
    active = [update for update in last.values() if update.value is not None]
    entries = [one for update in active if isinstance(one := codec.decode(TOPIC, update.value or b""), Case)]
    pieces = (update.offset for update in active if update.key != own)
    return CaseEntries(entries, max(pieces, default=-1)) if entries else None


async def read_case(settings: Settings, case_id: str) -> list[Case]:
    """Return the entries of one open case; raises as `read_cases`, and a `UsageError` if there is no such case."""
    if (entries := (await read_cases(settings)).get(case_id)) is None:
        raise UsageError(f"no case {case_id}: `jikimi case list` shows the open ones")
    return entries
