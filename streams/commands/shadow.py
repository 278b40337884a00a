"""`jikimi shadow`: a candidate on live traffic, whose verdicts are only compared."""

import asyncio
from typing import Annotated

import typer

from streams.commands.console import console
from streams.commands.replay import WITH, stand_back
from streams.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Run other models or another policy beside the live ones.")


@app.callback()
def shadow() -> None:
    """Run other models or another policy beside the live ones."""


@app.command("run")
def shadow_run(  # noqa: PLR0917 - a command's options
    run: Annotated[str, typer.Argument(help="Names the shadow and the endings of its topics.")],
    from_: Annotated[
        str | None,
        typer.Option("--from", help="posts, frames, sounds, texts, descriptors or scores; leave it out to go on."),
    ] = None,
    with_: Annotated[str, typer.Option("--with", help=WITH)] = "",
    share: Annotated[float, typer.Option(help="Of the posts, by their id.")] = 1.0,
    max_rate: Annotated[float, typer.Option(help="Most records a second; 0 is no limit.", min=0)] = 0,
    nice: Annotated[int, typer.Option(help="How far it stands behind other processes.", min=0, max=19)] = 10,
) -> None:
    """Follow live traffic from now on until told to stop; the same command goes on with it. Never issues a takedown."""
    stand_back(nice)
    from streams.replay.plan import Asked  # noqa: PLC0415 - loads every model library
    from streams.replay.shadow import run_shadow  # noqa: PLC0415 - likewise

    asked = Asked(run_id=run, kind="shadow", source=from_, changes=with_, share=share, max_rate=max_rate)
    asyncio.run(run_shadow(load_settings(), asked, console))
