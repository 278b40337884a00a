"""`jikimi dead-letters`: records that stages failed to process."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from streams.audit.acting import acting
from streams.commands.console import console
from streams.commands.needs import needs
from streams.commands.options import Why
from streams.commands.reason import reason as asked
from streams.rights.person import current_person
from streams.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.engine.dead_letter_index import Selection

_MAX_SUBJECT = 200

app = typer.Typer(no_args_is_help=True, help="Show records that stages failed to process, and redrive them.")


Stage = Annotated[str | None, typer.Option(metavar="STAGE", help="Only of this stage.")]
Reason = Annotated[str | None, typer.Option(metavar="REASON", help="Only with this reason.")]
Since = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Only since 2026-03-01T12:00 (UTC), or 24h ago; older ones are not read."),
]


@app.command("list")
@needs("inspect")
def letters_list(
    stage: Stage = None,
    reason: Reason = None,
    since: Since = None,
    state: Annotated[Literal["open", "redriven", "all"], typer.Option(help="Only those open, or redriven.")] = "all",
    limit: Annotated[int, typer.Option(metavar="NUMBER", help="Number of the newest to show.", min=0)] = 50,
) -> None:
    """Show the newest dead letters: id, time, stage, reason, state, address of the post."""
    from streams.engine.dead_letters import print_dead_letters  # noqa: PLC0415 - only this command needs it

    print_dead_letters(load_settings(), _selection(stage, reason, since), console, state=state, limit=limit)


@app.command("show")
@needs("inspect")
def letters_show(letter_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Show one dead letter with its traceback, without the original's bytes."""
    from streams.engine.dead_letters import print_dead_letter  # noqa: PLC0415 - likewise

    print_dead_letter(load_settings(), letter_id, console)


@app.command("redrive")
@needs("redrive")
def letters_redrive(  # noqa: PLR0917 - the options of the command
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID…", help="Only these; all open ones by default.")
    ] = None,
    stage: Stage = None,
    reason: Reason = None,
    since: Since = None,
    again: Annotated[bool, typer.Option("--again", help="Also those that were redriven before.")] = False,
    rate: Annotated[float, typer.Option(help="Limit of records a second; 0 means no limit.", min=0)] = 20,
    why: Why = "",
) -> None:
    """Write the original records back to their topics, once the cause is fixed; each once, also after a kill."""
    from streams.engine.redrive import redrive  # noqa: PLC0415 - likewise

    selection = _selection(stage, reason, since, ids or ())
    settings, wanted = load_settings(), [*(ids or ()), *filter(None, (stage, reason, since))]
    subject = ", ".join(wanted)[:_MAX_SUBJECT] or "all"
    with acting(settings, current_person(settings), "redrive", subject, asked(why), detail="again" * again):
        line = redrive(settings, selection, again=again, rate=rate)
    print(line)  # noqa: T201


def _selection(stage: str | None, reason: str | None, since: str | None, ids: "Iterable[str]" = ()) -> "Selection":
    from streams.engine.dead_letter_index import Selection  # noqa: PLC0415 - likewise
    from streams.replay.span import parse_time  # noqa: PLC0415 - likewise

    moment = parse_time(since, datetime.now(UTC)) if since else None
    return Selection(ids=frozenset(ids), stage=stage, reason=reason, since=moment)
