"""`jikimi takedown`: decisions of persons about takedowns."""

import asyncio
from typing import Annotated

import typer

from streams.commands.needs import needs
from streams.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Approve takedowns of cases that were opened with --approve.")


@app.callback()
def takedown() -> None:
    """Approve takedowns of cases that were opened with --approve."""


@app.command("approve")
@needs("send")
def takedown_approve(
    takedown_id: str,
    why: Annotated[str, typer.Option(help="The reason; it is stored.")] = "",
    officer: Annotated[
        str, typer.Option(metavar="PSEUDONYM", envvar="JIKIMI_REVIEWER", help="Pseudonym of the person who decided.")
    ] = "desk",
) -> None:
    """Approve a takedown: its notice is sent."""
    from streams.desk.approve import approve_takedown  # noqa: PLC0415 - only this command needs it

    asyncio.run(approve_takedown(load_settings(), takedown_id, officer, why))
