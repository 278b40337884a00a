"""`jikimi takedown`: decisions of persons about takedowns."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer

from streams.audit.acting import acting
from streams.commands.console import console
from streams.commands.needs import needs
from streams.commands.options import OfCase, Officer, Since, Why
from streams.commands.reason import reason
from streams.rights.person import current_person
from streams.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Approve takedowns, and follow their events.")


@app.callback()
def takedown() -> None:
    """Approve takedowns of cases that were opened with --approve, and follow the events of all."""


@app.command("approve")
@needs("send")
def takedown_approve(
    takedown_id: str,
    why: Why = "",
    officer: Officer = "desk",
) -> None:
    """Approve a takedown: its notice is sent."""
    from streams.desk.approve import approve_takedown  # noqa: PLC0415 - only this command needs it
    from streams.desk.own_cases import require_takedown  # noqa: PLC0415 - likewise

    settings, why = load_settings(), reason(why)
    person = current_person(settings)
    require_takedown(settings, person, "send", takedown_id)
    with acting(settings, person, "send", takedown_id, why, detail=f"as {officer}"):
        asyncio.run(approve_takedown(settings, takedown_id, officer, why))


@app.command("tail")
@needs("read")
def takedown_tail(
    case: OfCase = None,
    since: Since = None,
    json: Annotated[bool, typer.Option("--json", help="Print every field, a line of JSON for each event.")] = False,
) -> None:
    """Print the events of takedowns as they come. Ctrl-C ends it."""
    from streams.desk.own_cases import require_any, require_case  # noqa: PLC0415 - likewise
    from streams.desk.takedown_tail import tail  # noqa: PLC0415 - likewise
    from streams.replay.span import parse_time  # noqa: PLC0415 - likewise

    now, settings = datetime.now(UTC), load_settings()
    require_any(current_person(settings), "read", case)
    if case is not None:
        require_case(settings, current_person(settings), "read", case)
    tail(settings, console, case, parse_time(since, now) if since else now, json=json)
