"""Table and JSON of a run."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ops.faults.outcome import Outcome, died


def figures(outcome: Outcome) -> dict[str, object]:
    """Return the content of the JSON file."""
    found = outcome.findings
    return {
        "kills": outcome.kills,
        "lost": len(found.lost),
        "doubled": len(found.doubled),
        "wrong": len(found.wrong),
        "worker_deaths": len(died(outcome)),
        "stops_by_design": sum(death.was_ready for death in outcome.deaths) - len(died(outcome)),
        "refused_starts": sum(not death.was_ready for death in outcome.deaths),
        "recovery_p99_s": percentile([r.seconds for r in outcome.recoveries], 99),
        "not_recovered": sum(r.seconds is None for r in outcome.recoveries),
        "states_differing": len(found.states),
        "posts": outcome.posts,
        "set_aside": found.set_aside,
        "dead_letters": found.letters,
        "verdicts": found.verdicts,
        "repeated_verdicts": found.repeated_verdicts,
        "faults": outcome.done,
        "skipped": outcome.skipped,
        "deaths": [death._asdict() for death in outcome.deaths],
        "recoveries": [[r.fault, r.stage, r.seconds] for r in outcome.recoveries],
        "posts_lost": found.lost[:100],
        "posts_wrong": found.wrong[:100],
        "posts_doubled": found.doubled[:100],
    }


def write_json(outcome: Outcome, hostile: Mapping[str, float] | None, file: Path, seed: int) -> None:
    """Write the figures of the faults, and those of the hostile media once there are any."""
    media = {"hostile_files": hostile["hostile_files"], "hostile_media": dict(hostile)} if hostile else {}
    found = {"seed": seed, **figures(outcome), **media}
    file.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", "utf-8")


def print_table(outcome: Outcome, console: Console) -> None:
    """Print a row for each kind of fault, and the totals."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for heading in ("fault", "times", "deaths", "refused starts", "recovery p50", "p99", "max"):
        table.add_column(heading, justify="left" if heading == "fault" else "right")
    for kind in sorted(outcome.done):
        seconds = [r.seconds for r in outcome.recoveries if r.fault == kind]
        died = [death.was_ready for death in outcome.deaths if death.fault == kind]
        row = [percentile(seconds, 50), percentile(seconds, 99), percentile(seconds, 100)]
        table.add_row(kind, str(outcome.done[kind]), str(died.count(True)), str(died.count(False)), *map(_seconds, row))
    console.print(table)
    for kind, why in outcome.skipped.items():
        console.print(f"{kind}: skipped, {why}", highlight=False)
    console.print(totals(outcome), highlight=False)


def percentile(seconds: Sequence[float | None], percent: float) -> float | None:
    """Return a percentile without interpolation; None without a value, or where a stage did not recover."""
    if not seconds or any(value is None for value in seconds):
        return None
    ranked = sorted(_known(seconds))
    return round(ranked[math.ceil(percent / 100 * len(ranked)) - 1], 1)


def _known(seconds: Iterable[float | None]) -> list[float]:
    return [value for value in seconds if value is not None]


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"


def totals(outcome: Outcome) -> str:
    """Return the counts of a run in one line."""
    made, found = figures(outcome), outcome.findings
    return (
        f"{outcome.posts.total()} posts, {outcome.kills} kills: {len(found.lost)} lost, {len(found.doubled)} doubled, "
        f"{len(found.wrong)} wrong, {found.set_aside.total()} set aside, {made['worker_deaths']} worker deaths, "
        f"recovery p99 {made['recovery_p99_s']} s; {len(found.states)} states differ from a replay, "
        f"{found.repeated_verdicts} of {found.verdicts} verdicts were written again"
    )
