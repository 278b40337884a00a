"""`jikimi takedown`: decisions of persons about takedowns."""

import asyncio
from typing import Annotated

import typer

from streams.audit.acting import acting
from streams.commands.needs import needs
from streams.commands.reason import reason
from streams.rights.person import current_person
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
    from streams.desk.own_cases import require_takedown  # noqa: PLC0415 - likewise

    settings, person, why = load_settings(), current_person(load_settings()), reason(why)
    require_takedown(settings, person, "send", takedown_id)
    with acting(settings, person, "send", takedown_id, why, detail=f"as {officer}"):
        asyncio.run(approve_takedown(settings, takedown_id, officer, why))
