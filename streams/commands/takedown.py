"""`jikimi takedown`: decisions of persons about takedowns."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer

from streams.audit.acting import acting
from streams.commands.console import console
from streams.commands.needs import needs
from streams.commands.reason import Why, reason
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


@app.command("tail")
@needs("read")
def takedown_tail(
    case: Annotated[str | None, typer.Option("--case", metavar="CASE", help="Only of this case.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Also what came since 2026-03-01T12:00 (UTC), or 1h ago.")
    ] = None,
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
