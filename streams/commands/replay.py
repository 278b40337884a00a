"""`jikimi replay`: recorded traffic through other models or another policy, and go or no-go for a candidate."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from streams.audit.acting import acting
from streams.commands.console import console
from streams.commands.needs import needs
from streams.commands.options import Why
from streams.commands.reason import reason
from streams.errors import UsageError
from streams.rights.person import current_person
from streams.settings import load_settings

app = typer.Typer(help="Replay recorded traffic with other models or another policy, apart from live traffic.")

WITH = "Changes to the live models, such as visual=NAME@VERSION,fusion=NAME,policy=0.97/0.6."


@app.callback(invoke_without_command=True)
@needs("replay")
def replay(  # noqa: PLR0917 - the options of the command
    context: typer.Context,
    run: Annotated[str | None, typer.Option(metavar="RUN", help="Id of the run; its topics end with it.")] = None,
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="TOPIC",
            help="posts, frames, sounds, texts, descriptors or scores; leave it out to resume a run.",
        ),
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="2026-03-01T12:00 (UTC) or 24h ago; the beginning by default.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Likewise; the present end of the topics by default.")
    ] = None,
    with_: Annotated[str, typer.Option("--with", metavar="CHANGES", help=WITH)] = "",
    max_rate: Annotated[float, typer.Option(help="Limit of records a second; 0 means no limit.", min=0)] = 0,
    nice: Annotated[int, typer.Option(help="Niceness of the process.", min=0, max=19)] = 10,
    why: Why = "",
) -> None:
    """Replay a span of recorded traffic; the same command resumes it after a kill."""
    if context.invoked_subcommand is not None:
        return
    if run is None:
        raise UsageError("name the run: jikimi replay --run ID --from descriptors --since 24h")
    lower_priority(nice)
    from streams.replay.plan import RunRequest  # noqa: PLC0415 - loads every model library
    from streams.replay.show import run_replay  # noqa: PLC0415 - likewise

    request = RunRequest(
        run_id=run, kind="replay", source=from_, since=since, until=until, changes=with_, max_rate=max_rate
    )
    settings = load_settings()
    with acting(settings, current_person(settings), "replay", run, why, detail=with_):
        asyncio.run(run_replay(settings, request, console))


@app.command()
@needs("replay")
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
    n_posts = f"{found.posts} posts of {found.run}, {found.against_posts} of {found.against}"
    console.print(f"compared {n_posts}: {len(found.changes)} decisions changed", highlight=False, soft_wrap=True)
    console.print(f"{'go' if found.go else 'no-go'}: {out / run}.html", soft_wrap=True)
    if not found.go:
        raise typer.Exit(1)


@app.command("list")
@needs("check")
def replay_list() -> None:
    """Show the replays and shadows."""
    from streams.replay.runs import print_runs  # noqa: PLC0415 - likewise

    asyncio.run(print_runs(load_settings(), console))


@app.command("clean")
@needs("replay")
def replay_clean(run: Annotated[str, typer.Argument(help="Id of the replay or shadow.")], why: Why = "") -> None:
    """Delete the topics, consumer group and record of a replay or shadow."""
    from streams.replay.runs import clean  # noqa: PLC0415 - likewise

    settings = load_settings()
    with acting(settings, current_person(settings), "replay", run, reason(why), detail="clean"):
        asyncio.run(clean(settings, run))


def lower_priority(nice: int) -> None:
    """Give live traffic priority on the machine."""
    os.nice(nice)
