"""`jikimi replay compare`: go or no-go for a candidate."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from streams.commands.console import console
from streams.settings import load_settings


def compare(  # noqa: PLR0917 - the options of the command
    run: Annotated[str, typer.Argument(help="A replay or shadow.")],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder for the page.")] = Path("var/replay"),
    against: Annotated[
        str | None, typer.Option(metavar="RUN", help="Another run; the live verdicts by default.")
    ] = None,
    labels: Annotated[
        bool, typer.Option("--labels", help="Measure against reviewers' labels; too few of them are a no-go.")
    ] = False,
    thresholds: Annotated[
        Path | None, typer.Option(metavar="FILE", help="TOML file of the allowed differences.")
    ] = None,
    json: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File for the figures; beside the page by default.")
    ] = None,
) -> None:
    """Compare a run's verdicts with the live ones or another run's; exit code 0 is go, 1 is no-go."""
    from streams.replay.compare_run import OutputPaths, compare_run  # noqa: PLC0415 - loads numpy and matplotlib

    settings, where = load_settings(), OutputPaths(out, json)
    found = compare_run(settings, run, where, against=against, labels=labels, thresholds=thresholds)
    table = Table("what", "measured", "allowed", "outcome", box=None)
    for row in found.rows:
        table.add_row(row.name, row.measured, row.allowed, row.outcome)
    console.print(table)
    console.print(f"{'go' if found.go else 'no-go'}: {out / run}.html", soft_wrap=True)
    if not found.go:
        raise typer.Exit(1)
