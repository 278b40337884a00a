"""`jikimi dead-letters`: records that stages failed to process."""

from typing import Annotated

import typer

from streams.commands.console import console
from streams.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Show records that stages failed to process, and redrive them.")


Stage = Annotated[str | None, typer.Option(metavar="STAGE", help="Only of this stage.")]
Reason = Annotated[str | None, typer.Option(metavar="REASON", help="Only with this reason.")]


@app.command("list")
def letters_list(stage: Stage = None, reason: Reason = None) -> None:
    """Show the dead letters, oldest first."""
    from streams.engine.dead_letters import by_stage_and_reason, print_dead_letters  # noqa: PLC0415 - only this command needs it

    print_dead_letters(load_settings(), by_stage_and_reason(stage, reason), console)


@app.command("redrive")
def letters_redrive(stage: Stage = None, reason: Reason = None) -> None:
    """Write the original records back to their topics, once the cause is fixed."""
    from streams.engine.dead_letters import by_stage_and_reason, redrive  # noqa: PLC0415 - likewise

    print(f"{redrive(load_settings(), by_stage_and_reason(stage, reason))} records put back")  # noqa: T201
