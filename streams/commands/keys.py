"""`jikimi keys`: the keys that seal media and thumbnails on the broker."""

from typing import Annotated

import typer

from streams.audit.acting import acting
from streams.commands.console import console
from streams.commands.needs import needs
from streams.commands.options import Why
from streams.commands.reason import reason
from streams.errors import UsageError
from streams.rights.person import current_person
from streams.sealing.purposes import PURPOSES
from streams.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Make, list, rotate and destroy the keys that seal media on the broker.")


@app.command("create")
@needs("keys")
def keys_create() -> None:
    """Create the key file; workers create it themselves unless JIKIMI_SEALING_CREATE is false.

    It is no act on record: the file comes before the broker that would keep the record, and replaces nothing.
    """
    from streams.sealing.rotation import create  # noqa: PLC0415 - loads the cryptography

    file = create(load_settings().sealing)
    _print(f"{file.path} holds the keys now: keep a copy of it, without it sealed media and thumbnails are lost")


@app.command("list")
@needs("keys")
def keys_list() -> None:
    """Show the keys: id, purpose, when each was made, and whether it seals or only unseals."""
    from streams.sealing.rotation import listed  # noqa: PLC0415 - likewise

    for key, state in listed(load_settings().sealing):
        _print(f"{key.key_id:08x}  {key.purpose:10}  made {key.made_at:%Y-%m-%d %H:%M} UTC  {state}")


@app.command("rotate")
@needs("keys")
def keys_rotate(
    purpose: Annotated[
        list[str] | None, typer.Option(metavar="PURPOSE", help="Only of this purpose; may be repeated.")
    ] = None,
    why: Why = "",
) -> None:
    """Make a further key of each purpose, and remove those that nothing on the broker needs any more."""
    from streams.sealing.rotation import rotate  # noqa: PLC0415 - likewise

    settings = load_settings()
    if unknown := sorted(set(purpose or ()) - set(PURPOSES)):
        raise UsageError(f"unknown purpose {unknown[0]!r}: expected some of {', '.join(PURPOSES)}")
    purposes = [each for each in PURPOSES if each in (purpose or PURPOSES)]
    with acting(settings, current_person(settings), "keys", ", ".join(purposes), reason(why), detail="rotate"):
        done = rotate(settings.sealing, purposes)
    for key in done.made:
        _print(f"{key.key_id:08x} seals the {key.purpose} from {settings.sealing.key_delay_s:g} s from now on")
    for key in done.removed:
        _print(f"{key.key_id:08x} removed: nothing on the broker needs it")


@app.command("destroy")
@needs("keys")
def keys_destroy(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the key, as `jikimi keys list` shows it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    why: Why = "",
) -> None:
    """Destroy a key that no longer seals; what was sealed with it becomes unreadable."""
    from streams.sealing.rotation import destroy, loss  # noqa: PLC0415 - likewise

    settings, number = load_settings(), _number(key_id)
    lost = loss(settings.sealing, number)
    _print(lost)
    if not yes:
        typer.confirm(f"destroy key {key_id}?", abort=True)
    with acting(settings, current_person(settings), "keys", f"{number:08x}", reason(why), detail=f"destroy: {lost}"):
        destroy(settings.sealing, number)
    _print(f"{key_id} destroyed; destroy it in copies of the file too")


def _number(key_id: str) -> int:
    try:
        return int(key_id, 16)
    except ValueError as error:
        raise UsageError(f"{key_id!r} is not the id of a key: `jikimi keys list` shows all") from error


def _print(line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
