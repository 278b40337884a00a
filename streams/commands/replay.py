"""`jikimi replay`: recorded traffic again, through other models or by another policy."""

import asyncio
import os
from typing import Annotated

import typer

from streams.commands.compare import compare
from streams.commands.console import console
from streams.errors import UsageError
from streams.settings import load_settings

app = typer.Typer(help="Replay recorded traffic with other models or another policy, beside everything live.")

app.command("compare")(compare)

WITH = "Changes to the live models, as in visual=NAME@VERSION,fusion=NAME,policy=0.97/0.6."


@app.callback(invoke_without_command=True)
def replay(  # noqa: PLR0917 - a command's options
    context: typer.Context,
    run: Annotated[str | None, typer.Option(help="Names the run and the endings of its topics.")] = None,
    from_: Annotated[
        str | None,
        typer.Option("--from", help="posts, frames, sounds, texts, descriptors or scores; leave it out to go on."),
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="2026-03-01T12:00 (UTC) or 24h ago; the beginning if left out.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Likewise; what is there now if left out.")] = None,
    with_: Annotated[str, typer.Option("--with", help=WITH)] = "",
    max_rate: Annotated[float, typer.Option(help="Most records a second; 0 is no limit.", min=0)] = 0,
    nice: Annotated[int, typer.Option(help="How far it stands behind other processes.", min=0, max=19)] = 10,
) -> None:
    """Replay a stretch of what was recorded; the same command goes on with it after a kill."""
    if context.invoked_subcommand is not None:
        return
    if run is None:
        raise UsageError("name the run: jikimi replay --run ID --from descriptors --since 24h")
    stand_back(nice)
    from streams.replay.plan import Asked  # noqa: PLC0415 - loads every model library
    from streams.replay.show import run_replay  # noqa: PLC0415 - likewise

    asked = Asked(run_id=run, kind="replay", source=from_, since=since, until=until, changes=with_, max_rate=max_rate)
    asyncio.run(run_replay(load_settings(), asked, console))


@app.command("list")
def replay_list() -> None:
    """Show the replays and shadows there are."""
    from streams.replay.runs import print_runs  # noqa: PLC0415 - likewise

    asyncio.run(print_runs(load_settings(), console))


@app.command("clean")
def replay_clean(run: Annotated[str, typer.Argument(help="Its id.")]) -> None:
    """Delete a run's topics, its group and the record of it; of a shadow too."""
    from streams.replay.runs import clean  # noqa: PLC0415 - likewise

    asyncio.run(clean(load_settings(), run))


def stand_back(nice: int) -> None:
    """Leave the machine to live traffic: behind its processes, and with one thread in each matrix product."""
    os.nice(nice)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when numpy is imported
