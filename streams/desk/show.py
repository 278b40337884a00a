"""What the desk prints of cases."""

from collections import Counter

from rich.console import Console
from rich.table import Table

from schemas.messages import Case
from streams.desk.cases import read_cases, read_takedowns
from streams.errors import UsageError
from streams.settings import Settings


async def print_cases(settings: Settings, console: Console) -> None:
    """Print one line per open case."""
    table = Table("case", "name", "opened", "references", "terms", box=None)
    for case_id, entries in sorted((await read_cases(settings)).items()):
        opened = f"{entries[0].opened_at:%Y-%m-%d %H:%M} UTC"
        table.add_row(case_id, entries[0].name, opened, str(len(_durations(entries))), str(_n_terms(entries)))
    console.print(table)


async def print_case(settings: Settings, case_id: str, console: Console) -> None:
    """Print what is looked for in a case, and its takedowns.

    Raises
    ------
    UsageError
        There is no such case.
    """
    entries = (await read_cases(settings)).get(case_id)
    if entries is None:
        raise UsageError(f"no case {case_id}: `jikimi case list` shows the open ones")
    console.print(f"{case_id}  {entries[0].name}  opened {entries[0].opened_at:%Y-%m-%d %H:%M} UTC")
    for policy in filter(None, (entry.policy for entry in entries)):
        console.print(f"acts at {policy.act:g}, asks a person at {policy.review:g}")
    for reference_id, duration_s in _durations(entries).items():
        rows = Counter[str]()
        for piece in (entry.reference for entry in entries):
            if piece is not None and piece.reference_id == reference_id:
                rows[piece.modality] += piece.vectors.rows
        console.print(f"reference {reference_id}  {duration_s:.1f} s  {rows['visual']} frames, {rows['audio']} sounds")
    console.print(f"{_n_terms(entries)} terms")
    await _print_takedowns(settings, case_id, console)


async def _print_takedowns(settings: Settings, case_id: str, console: Console) -> None:
    table = Table("takedown", "state", "since", "probability", "where", box=None)
    for event in await read_takedowns(settings, case_id):
        row = (event.takedown_id, event.state, f"{event.at:%Y-%m-%d %H:%M:%S} UTC", f"{event.probability:.3f}")
        table.add_row(*row, event.post.url)
    console.print(table)


def _durations(entries: list[Case]) -> dict[str, float]:
    pieces = (entry.reference for entry in entries)
    return {piece.reference_id: piece.duration_s for piece in pieces if piece is not None and piece.modality != "text"}


def _n_terms(entries: list[Case]) -> int:
    return sum(len(entry.reference.digests) for entry in entries if entry.reference is not None)
