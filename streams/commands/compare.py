"""`jikimi replay compare`: whether a candidate may go live."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from streams.commands.console import console
from streams.settings import load_settings


def compare(  # noqa: PLR0917 - typer calls it
    run: Annotated[str, typer.Argument(help="A replay or shadow.")],
    out: Annotated[Path, typer.Option(help="Folder for the page.")] = Path("var/replay"),
    against: Annotated[str | None, typer.Option(help="Another run; what went live by default.")] = None,
    labels: Annotated[
        bool, typer.Option("--labels", help="Measure against reviewers' labels; without enough of them it is no-go.")
    ] = False,
    thresholds: Annotated[Path | None, typer.Option(help="A TOML file of what is allowed.")] = None,
    json: Annotated[Path | None, typer.Option(help="Where the figures go; beside the page by default.")] = None,
) -> None:
    """Compare a run's verdicts with the live ones or another run's; exit code 0 is go, 1 is no-go."""
    from streams.replay.compare_run import Where, compare_run  # noqa: PLC0415 - loads numpy and matplotlib

    settings, where = load_settings(), Where(out, json)
    found = compare_run(settings, run, where, against=against, labels=labels, thresholds=thresholds)
    table = Table("what", "measured", "allowed", "outcome", box=None)
    for row in found.rows:
        table.add_row(row.name, row.measured, row.allowed, row.outcome)
    console.print(table)
    console.print(f"{'go' if found.go else 'no-go'}: {out / run}.html", soft_wrap=True)
    if not found.go:
        raise typer.Exit(1)
