"""`jikimi shadow`: a candidate on live traffic; its verdicts are only compared."""

import asyncio
from typing import Annotated

import typer

from streams.audit.acting import acting
from streams.commands.console import console
from streams.commands.needs import needs
from streams.commands.options import Why
from streams.commands.replay import WITH, lower_priority
from streams.rights.person import current_person
from streams.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Run other models or another policy beside the live ones.")


@app.callback()
def shadow() -> None:
    """Run other models or another policy beside the live ones."""


@app.command("run")
@needs("replay")
def shadow_run(  # noqa: PLR0917 - the options of the command
    run: Annotated[str, typer.Argument(help="Id of the shadow; its topics end with it.")],
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="TOPIC",
            help="posts, frames, sounds, texts, descriptors or scores; leave it out to resume a shadow.",
        ),
    ] = None,
    with_: Annotated[str, typer.Option("--with", metavar="CHANGES", help=WITH)] = "",
    share: Annotated[float, typer.Option(metavar="SHARE", help="Share of the posts, chosen by id.")] = 1.0,
    max_rate: Annotated[float, typer.Option(help="Limit of records a second; 0 means no limit.", min=0)] = 0,
    nice: Annotated[int, typer.Option(help="Niceness of the process.", min=0, max=19)] = 10,
    why: Why = "",
) -> None:
    """Follow live traffic from now on until stopped; the same command resumes it. Never issues a takedown."""
    lower_priority(nice)
    from streams.replay.plan import RunRequest  # noqa: PLC0415 - loads every model library
    from streams.replay.shadow import run_shadow  # noqa: PLC0415 - likewise

    request = RunRequest(run_id=run, kind="shadow", source=from_, changes=with_, share=share, max_rate=max_rate)
    settings = load_settings()
    with acting(settings, current_person(settings), "replay", run, why, detail=f"shadow {with_}"):
        asyncio.run(run_shadow(settings, request, console))
