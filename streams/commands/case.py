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
    from streams.desk.cases import NewCase, add_case  # noqa: PLC0415 - only this command needs it

    print(add_case(load_settings(), NewCase(name, reference or [], term or [], phrase or [])))  # noqa: T201


@app.command("describe")
def case_describe(
    case_id: str,
    reference: Annotated[
        list[Path] | None, typer.Option(help="A file that the case was opened with; it stays on this machine.")
    ] = None,
    phrase: Annotated[list[str] | None, typer.Option(help="A phrase that the case was opened with.")] = None,
    with_: Annotated[
        str, typer.Option("--with", help="Models beside the live ones, as in visual=NAME@VERSION,text=NAME.")
    ] = "",
) -> None:
    """Describe a case's own files by further models, before they are replayed or promoted."""
    from streams.desk.describing import describe_case  # noqa: PLC0415 - likewise

    lacks = describe_case(load_settings(), case_id, reference or [], phrase or [], with_)
    print("\n".join(f"still lacks {lack}" for lack in lacks) or "all of the case is described")  # noqa: T201


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
