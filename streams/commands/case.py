"""`jikimi case`: opening, showing and withdrawing cases, and what guards against their mistakes."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from streams.commands.console import console
from streams.settings import load_settings

app = typer.Typer(
    no_args_is_help=True, help="Open, show and withdraw cases; say what is allowed, and which references hold."
)

_Officer = Annotated[str, typer.Option(envvar="JIKIMI_REVIEWER", help="Pseudonym of who decided.")]
_Why = Annotated[str, typer.Option(help="The reason, in words; it is kept.")]


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
    from streams.desk.open_case import NewCase, add_case  # noqa: PLC0415 - only this command needs it

    print(add_case(load_settings(), NewCase(name, reference or [], term or [], phrase or [])))  # noqa: T201


@app.command("allow")
def case_allow(
    name: Annotated[str, typer.Argument(help="What it is, as in 'intro of channel 5'.")],
    files: Annotated[list[Path], typer.Argument(help="Files of what is harmless; they stay on this machine.")],
) -> None:
    """Let pass what these files show or play: logos, intros, test cards, songs that posts share with references.

    They are described as references are, and shown, described anew and withdrawn by the same commands. Nothing is
    looked for and nothing taken down because of them; a post is still found by all else that it holds.
    """
    from streams.desk.open_case import NewCase, add_case  # noqa: PLC0415 - likewise

    print(add_case(load_settings(), NewCase(name, files, benign=True)))  # noqa: T201


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
    from streams.desk.describe_case import describe_case  # noqa: PLC0415 - likewise

    lacks = describe_case(load_settings(), case_id, reference or [], phrase or [], with_)
    print("\n".join(f"still lacks {lack}" for lack in lacks) or "all of the case is described")  # noqa: T201


@app.command("list")
def case_list() -> None:
    """Show the open cases and allow-lists."""
    from streams.desk.show import print_cases  # noqa: PLC0415 - likewise

    asyncio.run(print_cases(load_settings(), console))


@app.command("show")
def case_show(case_id: str) -> None:
    """Show one case: what is looked for, how its references stand, and what became of it."""
    from streams.desk.show import print_case  # noqa: PLC0415 - likewise

    asyncio.run(print_case(load_settings(), case_id, console))


@app.command("quarantine")
def case_quarantine() -> None:
    """Show the references that met a flood of posts, and how many takedowns wait for a person's word on them."""
    from streams.desk.reviewing import print_suspects  # noqa: PLC0415 - likewise

    print_suspects(load_settings(), console)


@app.command("confirm")
def case_confirm(case_id: str, reference_id: str, why: _Why = "", officer: _Officer = "desk") -> None:
    """Say that a reference is the victim's: takedowns held for it are issued, and it is never quarantined again."""
    from streams.desk.reviewing import Said, confirm_reference  # noqa: PLC0415 - likewise

    confirm_reference(load_settings(), Said(case_id, reference_id, officer, why))


@app.command("deconfirm")
def case_deconfirm(case_id: str, reference_id: str, why: _Why = "", officer: _Officer = "desk") -> None:
    """Erase a reference that is not the victim's: it matches no more, and what rests on it alone is withdrawn."""
    from streams.desk.reviewing import Said, deconfirm_reference  # noqa: PLC0415 - likewise

    print(f"{deconfirm_reference(load_settings(), Said(case_id, reference_id, officer, why))} entries erased")  # noqa: T201


@app.command("withdraw")
def case_withdraw(case_id: str) -> None:
    """Erase a case or an allow-list; a case's pending takedowns are withdrawn."""
    from streams.desk.withdraw_case import withdraw_case  # noqa: PLC0415 - likewise

    print(f"{withdraw_case(load_settings(), case_id)} entries erased")  # noqa: T201
