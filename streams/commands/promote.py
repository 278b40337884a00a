"""`jikimi promote`, `rollback`, `models`: the live models."""

from typing import Annotated

import typer

from streams.audit.acting import acting
from streams.commands.console import console
from streams.commands.needs import needs
from streams.commands.options import Officer
from streams.commands.reason import reason
from streams.errors import UsageError
from streams.rights.person import current_person
from streams.settings import load_settings

app = typer.Typer()

_Force = Annotated[
    str | None, typer.Option("--force", metavar="REASON", help="Override failed checks; the reason is kept.")
]
_Why = Annotated[str, typer.Option(help="The reason, unless --force gives it; it is stored.")]


@app.command()
@needs("promote")
def promote(
    run_id: Annotated[str | None, typer.Argument(help="A replay or shadow whose choice goes live.")] = None,
    with_: Annotated[
        str | None,
        typer.Option(
            "--with",
            metavar="CHANGES",
            help="Or changes to the live choice, such as visual=NAME@VERSION,policy=0.97/0.6.",
        ),
    ] = None,
    force: _Force = None,
    by: Officer = "desk",
    why: _Why = "",
) -> None:
    """Make other models live, once `jikimi replay compare` is a go: one record, which every worker applies."""
    from streams.replay.promote_run import promote_changes, promote_run  # noqa: PLC0415 - loads every model library

    if (run_id is None) is (with_ is None):
        raise UsageError("promote a RUN_ID, or --with CHANGES")
    change, what = (promote_run, run_id) if run_id else (promote_changes, with_)
    settings, detail = load_settings(), _detail(by, force)
    with acting(settings, current_person(settings), "promote", what or "", force or reason(why), detail=detail):
        changed = change(settings, what or "", by=by, force=force)
    print("\n".join(changed))  # noqa: T201


@app.command()
@needs("promote")
def rollback(force: _Force = None, by: Officer = "desk", why: _Why = "") -> None:
    """Restore the choice that the last promotion replaced."""
    from streams.live_models.promotion import roll_back  # noqa: PLC0415 - likewise

    settings, detail = load_settings(), _detail(by, force)
    with acting(settings, current_person(settings), "promote", "rollback", force or reason(why), detail=detail):
        changed = roll_back(settings, by=by, force=force)
    print("\n".join(changed))  # noqa: T201


def _detail(by: str, force: str | None) -> str:
    return f"as {by}, by force" if force else f"as {by}"


@app.command()
@needs("check")
def models() -> None:
    """Show the live choice, since when, and the earlier ones."""
    from streams.live_models.promotion import print_live  # noqa: PLC0415 - likewise

    print_live(load_settings(), console)
