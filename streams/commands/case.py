"""`jikimi case`: cases, allow-lists, and reviews of references."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from schemas.messages import CaseKind
from streams.commands.console import console
from streams.commands.hints import hint, hint_workers
from streams.commands.needs import needs
from streams.commands.opening import open_and_note
from streams.settings import load_settings

app = typer.Typer(
    no_args_is_help=True, help="Open, show and withdraw cases; allow harmless media; review quarantined references."
)

_Officer = Annotated[
    str, typer.Option(metavar="PSEUDONYM", envvar="JIKIMI_REVIEWER", help="Pseudonym of the person who decided.")
]
_Yes = Annotated[bool, typer.Option("--yes", help="Open it without asking, whatever the warnings.")]
_Why = Annotated[str, typer.Option(help="The reason; it is stored.")]
_WAIT_S = 300.0
_Wait = Annotated[
    float, typer.Option(metavar="SECONDS", min=0, help="How long the broker may take to compact what was erased.")
]


@app.command("add")
@needs("open")
def case_add(  # noqa: PLR0917 - options are passed by name
    name: Annotated[str, typer.Option(metavar="PSEUDONYM", help="Pseudonym of the victim, never the name.")],
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILES", help="More files, as after one --reference.")
    ] = None,
    reference: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="A file of the victim; it stays on this machine.")
    ] = None,
    term: Annotated[list[str] | None, typer.Option(help="A name, handle or title to search for.")] = None,
    phrase: Annotated[list[str] | None, typer.Option(help="A sentence with which reposts are announced.")] = None,
    kind: Annotated[CaseKind, typer.Option(help="What was done, for the notices.")] = "shared_without_consent",
    minor: Annotated[bool, typer.Option("--minor", help="The victim is a minor: its takedowns come first.")] = False,
    authority: Annotated[str, typer.Option(metavar="TEXT", help="File number of the authority, for the notices.")] = "",
    approve: Annotated[
        bool, typer.Option("--approve", help="A person approves each notice before it is sent.")
    ] = False,
    yes: _Yes = False,
) -> None:
    """Open a case: describe its files on this machine and send the descriptors."""
    from streams.desk.open_case import NewCase  # noqa: PLC0415 - only this command needs it

    new = NewCase(
        name,
        [*(reference or []), *(files or [])],
        term or [],
        phrase or [],
        kind=kind,
        minor=minor,
        authority=authority,
        approve=approve,
    )
    case_id = open_and_note(load_settings(), new, yes=yes)
    hint(f"`jikimi watch --case {case_id}` prints hits as they come, `jikimi case show {case_id}` all of them")


@app.command("allow")
@needs("allow")
def case_allow(
    name: Annotated[str, typer.Argument(help="What the files show, such as 'intro of channel 5'.")],
    files: Annotated[list[Path], typer.Argument(help="Harmless files; they stay on this machine.")],
    yes: _Yes = False,
) -> None:
    """Allow the pictures and sounds of these files: logos, intros, test cards, songs that posts share with references.

    The files are described like references, and the same commands show, describe and withdraw them. They cause no
    search and no takedown; a post is still found by its other content.
    """
    from streams.desk.open_case import NewCase  # noqa: PLC0415 - likewise

    case_id = open_and_note(load_settings(), NewCase(name, files, benign=True), yes=yes)
    hint(f"to allow these files no longer: `jikimi case withdraw {case_id}`")


@app.command("describe")
@needs("describe")
def case_describe(
    case_id: str,
    reference: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A file that the case was opened with; it stays on this machine."),
    ] = None,
    phrase: Annotated[list[str] | None, typer.Option(help="A phrase that the case was opened with.")] = None,
    with_: Annotated[
        str,
        typer.Option(
            "--with", metavar="CHANGES", help="Models beside the live ones, such as visual=NAME@VERSION,text=NAME."
        ),
    ] = "",
) -> None:
    """Describe a case's own files by further models, before these are replayed or promoted."""
    from streams.desk.describe_case import describe_case  # noqa: PLC0415 - likewise

    gaps = describe_case(load_settings(), case_id, reference or [], phrase or [], with_)
    print("\n".join(f"still lacks {gap}" for gap in gaps) or "all of the case is described")  # noqa: T201


@app.command("list")
@needs("read")
def case_list(
    every: Annotated[
        bool, typer.Option("--all", help="Also withdrawn cases: pseudonym, times and counts are all that is left.")
    ] = False,
) -> None:
    """Show the open cases and allow-lists with their hits: found, to review, open, overdue."""
    from streams.desk.list_cases import print_cases  # noqa: PLC0415 - likewise

    settings = load_settings()
    asyncio.run(print_cases(settings, print, with_withdrawn=every))
    hint_workers(settings)


@app.command("show")
@needs("read")
def case_show(
    case_id: str,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document, with times in UTC.")] = False,
) -> None:
    """Show one case: its references, its hits with links, times, matched seconds and history, and waiting reviews."""
    from streams.desk.show import print_case, print_case_json  # noqa: PLC0415 - likewise

    settings = load_settings()
    asyncio.run((print_case_json if json else print_case)(settings, case_id, print))
    if not json:
        hint_workers(settings)


@app.command("quarantine")
@needs("read")
def case_quarantine() -> None:
    """Show the references under quarantine after a flood of matches, and how many takedowns are held for each."""
    from streams.desk.reviewing import print_quarantined  # noqa: PLC0415 - likewise

    print_quarantined(load_settings(), console)


@app.command("confirm")
@needs("confirm")
def case_confirm(case_id: str, reference_id: str, why: _Why = "", officer: _Officer = "desk") -> None:
    """Confirm a reference as the victim's: takedowns held for it are issued, and it is never quarantined again."""
    from streams.desk.reviewing import ReviewRequest, confirm_reference  # noqa: PLC0415 - likewise

    confirm_reference(load_settings(), ReviewRequest(case_id, reference_id, officer, why))
    hint(f"`jikimi case show {case_id}` shows the takedowns that were held for it")


@app.command("deconfirm")
@needs("withdraw")
def case_deconfirm(
    case_id: str, reference_id: str, why: _Why = "", officer: _Officer = "desk", wait: _Wait = _WAIT_S
) -> None:
    """Erase a reference that is not the victim's: it no longer matches, and takedowns on it alone are withdrawn."""
    from streams.commands.withdrawing import deconfirm  # noqa: PLC0415 - likewise

    deconfirm(load_settings(), case_id, reference_id, why, officer, wait)


@app.command("withdraw")
@needs("withdraw")
def case_withdraw(  # noqa: PLR0917 - options are passed by name
    case_id: str,
    why: _Why = "",
    officer: _Officer = "desk",
    yes: Annotated[bool, typer.Option("--yes", help="Withdraw it without asking.")] = False,
    wait: _Wait = _WAIT_S,
    json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write the proof to this file.")
    ] = None,
) -> None:
    """Erase a case or an allow-list and prove it; a case's pending takedowns are withdrawn."""
    from streams.commands.withdrawing import WithdrawRequest, withdraw  # noqa: PLC0415 - likewise

    withdraw(load_settings(), WithdrawRequest(case_id, why, officer, yes=yes, wait_s=wait, json=json))
