"""`jikimi case`: cases, allow-lists, and reviews of references."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from schemas.messages import CaseKind
from streams.audit.acting import acting
from streams.commands.console import console
from streams.commands.hints import hint, hint_workers
from streams.commands.needs import needs
from streams.commands.opening import open_and_note
from streams.commands.reason import reason
from streams.errors import UsageError
from streams.rights.person import current_person
from streams.settings import Settings, load_settings

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
    why: _Why = "",
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
        why=reason(why),
    )
    case_id = open_and_note(load_settings(), new, yes=yes)
    hint(f"`jikimi watch --case {case_id}` prints hits as they come, `jikimi case show {case_id}` all of them")


@app.command("extend")
@needs("extend")
def case_extend(  # noqa: PLR0917 - options are passed by name
    case_id: str,
    reference: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="A further file; it stays on this machine.")
    ] = None,
    term: Annotated[list[str] | None, typer.Option(help="A further name, handle or title to search for.")] = None,
    phrase: Annotated[
        list[str] | None, typer.Option(help="A further sentence with which reposts are announced.")
    ] = None,
    why: _Why = "",
    yes: _Yes = False,
) -> None:
    """Add references and terms to an open case; what only they find waits for a second person where cases do."""
    from streams.desk.open_case import NewCase  # noqa: PLC0415 - likewise
    from streams.desk.own_cases import require_case  # noqa: PLC0415 - likewise

    settings = load_settings()
    require_case(settings, current_person(settings), "extend", case_id)
    new = NewCase("", reference or [], term or [], phrase or [], case_id=case_id, why=reason(why))
    open_and_note(settings, new, yes=yes)


@app.command("search")
@needs("extend")
def case_search(
    case_id: str,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="WORDS…", help="Names, handles, titles or #tags, in place of all.")
    ] = None,
    stop: Annotated[
        bool, typer.Option("--stop", help="Search for none of its words any more, and erase them.")
    ] = False,
    why: _Why = "",
) -> None:
    """Keep words of a case on this machine, for which `jikimi feed search` asks platforms; without words, show them.

    Platforms learn these words, in clear, and not for which case. All other terms leave this machine as digests only.
    """
    from streams.cases.entries import read_case  # noqa: PLC0415 - likewise
    from streams.desk.case_book import CaseBook  # noqa: PLC0415 - likewise
    from streams.desk.own_cases import require_case  # noqa: PLC0415 - likewise
    from streams.desk.search.words import checked_words  # noqa: PLC0415 - likewise

    settings, wanted = load_settings(), checked_words(words or [])
    book, person = CaseBook(settings), current_person(settings)
    require_case(settings, person, "extend", case_id)
    first, *_ = asyncio.run(read_case(settings, case_id))
    if wanted or stop:
        with acting(settings, person, "extend", case_id, reason(why), detail=f"{len(wanted)} words searched"):
            try:
                book.search(case_id, first.name, first.opened_at, [] if stop else wanted)
            except OSError as error:
                raise UsageError(f"the words are not kept, set JIKIMI_DESK_FOLDER to a folder: {error}") from error
    note = book.find(case_id)
    print("\n".join(note.searched if note is not None else []))  # noqa: T201 - output of a command


@app.command("allow")
@needs("allow")
def case_allow(
    name: Annotated[str, typer.Argument(help="What the files show, such as 'intro of channel 5'.")],
    files: Annotated[list[Path], typer.Argument(help="Harmless files; they stay on this machine.")],
    why: _Why = "",
    yes: _Yes = False,
) -> None:
    """Allow the pictures and sounds of these files: logos, intros, test cards, songs that posts share with references.

    The files are described like references, and the same commands show, describe and withdraw them. They cause no
    search and no takedown; a post is still found by its other content.
    """
    from streams.desk.open_case import NewCase  # noqa: PLC0415 - likewise

    case_id = open_and_note(load_settings(), NewCase(name, files, benign=True, why=reason(why)), yes=yes)
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
    why: _Why = "",
) -> None:
    """Describe a case's own files by further models, before these are replayed or promoted."""
    from streams.desk.describe_case import describe_case  # noqa: PLC0415 - likewise
    from streams.desk.own_cases import require_case  # noqa: PLC0415 - likewise

    settings = load_settings()
    person = current_person(settings)
    require_case(settings, person, "describe", case_id)
    with acting(settings, person, "describe", case_id, reason(why), detail=with_):
        gaps = describe_case(settings, case_id, reference or [], phrase or [], with_)
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
    from streams.desk.own_cases import visible_cases  # noqa: PLC0415 - likewise

    settings = load_settings()
    only = visible_cases(settings, current_person(settings), "read")
    asyncio.run(print_cases(settings, print, with_withdrawn=every, only=only))
    hint_workers(settings)


@app.command("show")
@needs("read")
def case_show(
    case_id: str,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document, with times in UTC.")] = False,
) -> None:
    """Show one case: its references, its hits with links, times, matched seconds and history, and waiting reviews."""
    from streams.desk.own_cases import require_case  # noqa: PLC0415 - likewise
    from streams.desk.show import print_case, print_case_json  # noqa: PLC0415 - likewise

    settings = load_settings()
    require_case(settings, current_person(settings), "read", case_id)
    asyncio.run((print_case_json if json else print_case)(settings, case_id, print))
    if not json:
        hint_workers(settings)


@app.command("quarantine")
@needs("read")
def case_quarantine() -> None:
    """Show the references under quarantine after a flood of matches, and how many takedowns are held for each."""
    from streams.desk.own_cases import visible_cases  # noqa: PLC0415 - likewise
    from streams.desk.reviewing import print_quarantined  # noqa: PLC0415 - likewise

    settings = load_settings()
    print_quarantined(settings, console, visible_cases(settings, current_person(settings), "read"))


@app.command("confirm")
@needs("confirm")
def case_confirm(
    case_id: Annotated[str | None, typer.Argument(help="Case that another person opened.")] = None,
    reference_id: Annotated[
        str | None, typer.Argument(help="Only this reference: its takedowns are never held after a flood again.")
    ] = None,
    without_opener: Annotated[
        bool, typer.Option("--without-opener", help="Every waiting case from before cases had an opener, once.")
    ] = False,
    why: _Why = "",
    officer: _Officer = "desk",
) -> None:
    """Confirm a case as its second person, or one of its references: takedowns held for it are issued."""
    if (case_id is None) is not without_opener:
        raise UsageError("name the case to confirm, or give --without-opener")
    settings, why = load_settings(), reason(why)
    if case_id is None:
        _confirm_without_opener(settings, officer, why)
    elif reference_id is None:
        _confirm_case(settings, case_id, officer, why)
    else:
        _confirm_reference(settings, case_id, reference_id, officer, why)
    if case_id is not None:
        hint(f"`jikimi case show {case_id}` shows the takedowns that were held for it")


def _confirm_case(settings: Settings, case_id: str, officer: str, why: str) -> None:
    from streams.desk.confirm_case import CaseConfirmation, confirm_case  # noqa: PLC0415 - likewise

    person = current_person(settings)
    with acting(settings, person, "confirm", case_id, why, detail=f"as {officer}"):
        confirm_case(settings, CaseConfirmation(case_id, person.name, officer, why))


def _confirm_reference(settings: Settings, case_id: str, reference_id: str, officer: str, why: str) -> None:
    from streams.desk.reviewing import ReviewRequest, confirm_reference  # noqa: PLC0415 - likewise

    person = current_person(settings)
    with acting(settings, person, "confirm", f"{case_id}/{reference_id}", why, detail=f"as {officer}"):
        confirm_reference(settings, ReviewRequest(case_id, reference_id, officer, why, person.name))


def _confirm_without_opener(settings: Settings, officer: str, why: str) -> None:
    from streams.desk.confirm_case import waiting_without_opener  # noqa: PLC0415 - likewise

    for case in waiting_without_opener(settings):
        _confirm_case(settings, case.case_id, officer, why)
        print(f"{case.case_id}  opened {case.opened_at:%Y-%m-%d %H:%M} UTC")  # noqa: T201


@app.command("deconfirm")
@needs("withdraw")
def case_deconfirm(
    case_id: str, reference_id: str, why: _Why = "", officer: _Officer = "desk", wait: _Wait = _WAIT_S
) -> None:
    """Erase a reference that is not the victim's: it no longer matches, and takedowns on it alone are withdrawn."""
    from streams.commands.withdrawing import deconfirm  # noqa: PLC0415 - likewise
    from streams.desk.own_cases import require_case  # noqa: PLC0415 - likewise

    settings = load_settings()
    require_case(settings, current_person(settings), "withdraw", case_id)
    deconfirm(settings, case_id, reference_id, why, officer, wait)


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
    from streams.desk.own_cases import require_case  # noqa: PLC0415 - likewise

    settings = load_settings()
    require_case(settings, current_person(settings), "withdraw", case_id)
    withdraw(settings, WithdrawRequest(case_id, why, officer, yes=yes, wait_s=wait, json=json))
