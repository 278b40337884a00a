"""Confirming and withdrawing references: what a person says after a flood, or whenever a mistake is seen."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from schemas.messages import Case, Standing, StandingKind, Takedown
from streams.cases.entries import read_cases, read_keys
from streams.cases.erasure import erase_entries
from streams.cases.reference_reviews import TOPIC, read_reviews, standing_key
from streams.errors import UsageError
from streams.kafka.producer import writing
from streams.settings import Settings
from streams.takedown.log import read_takedowns


class Said(NamedTuple):
    """What a person says of a reference, and why."""

    case_id: str
    reference_id: str
    by: str
    why: str


class Suspect(NamedTuple):
    """A reference under quarantine."""

    case_id: str
    reference_id: str
    since: datetime
    held: int
    """Takedowns that wait for a person."""


def confirm_reference(settings: Settings, said: Said) -> None:
    """Let a reference act however many posts match it; what was held for it is issued.

    Raises
    ------
    UsageError
        No open case has this reference, or it was withdrawn.
    """
    cases, standings = asyncio.run(_read(settings))
    if any(entry.benign for entry in cases.get(said.case_id, [])):
        raise UsageError(f"{said.case_id} is an allow-list: nothing is taken down for it")
    if said.reference_id not in _references(cases.get(said.case_id, [])):
        raise UsageError(_unknown(said, standings))
    with writing(settings) as writer:
        writer.write(TOPIC, standing_key(said.case_id, said.reference_id), _standing(said, "confirmed"))


def deconfirm_reference(settings: Settings, said: Said) -> int:
    """Erase a reference and take back what rests on it alone; return how many entries were erased.

    It can be repeated: a crash leaves nothing half done.

    Raises
    ------
    UsageError
        No open case has or had this reference.
    """
    cases, standings = asyncio.run(_read(settings))
    key = standing_key(said.case_id, said.reference_id)
    if said.reference_id not in _references(cases.get(said.case_id, [])) and key not in standings:
        raise UsageError(_unknown(said, standings))
    keys = [entry for entry in asyncio.run(read_keys(settings)) if entry.startswith(f"{key}/")]
    with writing(settings) as writer:
        # Said first: a match already on its way must find it said.
        writer.write(TOPIC, key, _standing(said, "withdrawn"))
        writer.flush()
        erase_entries(settings, writer, keys)
    return len(keys)


async def read_suspects(settings: Settings) -> list[Suspect]:
    """Return the references of open cases that are under quarantine, those with most takedowns held first."""
    cases, standings = await _read(settings)
    suspects = suspected(await read_takedowns(settings), standings)
    return [suspect for suspect in suspects if suspect.case_id in cases]


def suspected(events: Iterable[Takedown], standings: Mapping[str, Standing]) -> list[Suspect]:
    """Return the references for which takedowns were held and of which nobody has spoken.

    Parameters
    ----------
    events
        The takedowns topic, in order.
    """
    since: dict[tuple[str, str], datetime] = {}
    last: dict[str, Takedown] = {}
    for event in events:
        last[event.takedown_id] = event
        for reference_id in event.held_for:
            since.setdefault((event.case_id, reference_id), event.at)
    held = defaultdict[tuple[str, str], int](int)
    for event in last.values():
        for reference_id in event.held_for if event.state == "held" else ():
            held[event.case_id, reference_id] += 1
    found = [Suspect(*place, at, held[place]) for place, at in since.items() if standing_key(*place) not in standings]
    return sorted(found, key=lambda suspect: suspect.held, reverse=True)


def print_suspects(settings: Settings, console: Console) -> None:
    """Print one line per reference under quarantine."""
    table = Table("case", "reference", "since", "takedowns held", box=None)
    for suspect in asyncio.run(read_suspects(settings)):
        since = f"{suspect.since:%Y-%m-%d %H:%M:%S} UTC"
        table.add_row(suspect.case_id, suspect.reference_id, since, str(suspect.held))
    console.print(table)


async def _read(settings: Settings) -> tuple[dict[str, list[Case]], dict[str, Standing]]:
    return await read_cases(settings), await read_reviews(settings)


def _references(entries: Iterable[Case]) -> set[str]:
    return {entry.reference.reference_id for entry in entries if entry.reference is not None}


def _unknown(said: Said, standings: Mapping[str, Standing]) -> str:
    standing = standings.get(standing_key(said.case_id, said.reference_id))
    if standing is not None and standing.standing == "withdrawn":
        return f"{said.reference_id} was withdrawn by {standing.by}: look for its file anew by `jikimi case add`"
    return f"no reference {said.reference_id} in {said.case_id}: `jikimi case show {said.case_id}` names its references"


def _standing(said: Said, kind: StandingKind) -> Standing:
    at = datetime.now(UTC)
    return Standing(
        case_id=said.case_id, reference_id=said.reference_id, standing=kind, why=said.why, by=said.by, at=at
    )
