"""`jikimi dead-letters`: what stages gave up on."""

from typing import Annotated

import typer

from streams.commands.console import console
from streams.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Show records that stages gave up on, and put them back.")


Stage = Annotated[str | None, typer.Option(help="Only of this stage.")]
Reason = Annotated[str | None, typer.Option(help="Only with this reason.")]


@app.command("list")
def letters_list(stage: Stage = None, reason: Reason = None) -> None:
    """Show them, oldest first."""
    from streams.engine.dead_letters import by_stage_and_reason, print_dead_letters  # noqa: PLC0415 - only this command needs it

    print_dead_letters(load_settings(), by_stage_and_reason(stage, reason), console)


@app.command("redrive")
def letters_redrive(stage: Stage = None, reason: Reason = None) -> None:
    """Put the original records back where they were read, once the cause is mended."""
    from streams.engine.dead_letters import by_stage_and_reason, redrive  # noqa: PLC0415 - likewise

    print(f"{redrive(load_settings(), by_stage_and_reason(stage, reason))} records put back")  # noqa: T201
