"""`jikimi case`: opening, showing and withdrawing cases."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from streams.commands.console import console
from streams.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Open, show and withdraw cases.")


@app.command("add")
def case_add(
    name: Annotated[str, typer.Option(help="Pseudonym; never the person's name.")],
    reference: Annotated[
        list[Path] | None, typer.Option(help="A file of the victim's; it stays on this machine.")
    ] = None,
    term: Annotated[list[str] | None, typer.Option(help="A name, handle or title to look for.")] = None,
    phrase: Annotated[list[str] | None, typer.Option(help="A sentence that reposts are announced with.")] = None,
) -> None:
    """Open a case: describe its files here and send the descriptors."""
    from streams.desk.cases import NewCase, add_case  # noqa: PLC0415 - likewise

    print(add_case(load_settings(), NewCase(name, reference or [], term or [], phrase or [])))  # noqa: T201


@app.command("list")
def case_list() -> None:
    """Show the open cases."""
    from streams.desk.show import print_cases  # noqa: PLC0415 - likewise

    asyncio.run(print_cases(load_settings(), console))


@app.command("show")
def case_show(case_id: str) -> None:
    """Show one case: what is looked for and what became of it."""
    from streams.desk.show import print_case  # noqa: PLC0415 - likewise

    asyncio.run(print_case(load_settings(), case_id, console))


@app.command("withdraw")
def case_withdraw(case_id: str) -> None:
    """Erase a case and withdraw its pending takedowns."""
    from streams.desk.cases import withdraw_case  # noqa: PLC0415 - likewise

    print(f"{withdraw_case(load_settings(), case_id)} entries erased")  # noqa: T201
