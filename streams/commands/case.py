"""`jikimi case`: cases and allow-lists opened, extended, described and shown."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from schemas.messages import CaseKind
from streams.audit.acting import acting
from streams.commands.hints import hint, hint_workers
from streams.commands.needs import needs
from streams.commands.opening import open_and_note
from streams.commands.options import MoreFiles, Why
from streams.commands.reason import reason
from streams.errors import UsageError
from streams.rights.person import current_person
from streams.settings import load_settings

app = typer.Typer(
    no_args_is_help=True, help="Open, show and withdraw cases; allow harmless media; review quarantined references."
)

_Yes = Annotated[bool, typer.Option("--yes", help="Open it without asking, whatever the warnings.")]


@app.command("add")
@needs("open")
def case_add(  # noqa: PLR0917 - options are passed by name
    name: Annotated[str, typer.Option(metavar="PSEUDONYM", help="Pseudonym of the victim, never the name.")],
    files: MoreFiles = None,
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
    why: Why = "",
    yes: _Yes = False,
) -> None:
    """Open a case: describe its files on this machine and send the descriptors."""
    from streams.desk.new_case import NewCase  # noqa: PLC0415 - only this command needs it

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
    files: MoreFiles = None,
    reference: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="A further file; it stays on this machine.")
    ] = None,
    term: Annotated[list[str] | None, typer.Option(help="A further name, handle or title to search for.")] = None,
    phrase: Annotated[
        list[str] | None, typer.Option(help="A further sentence with which reposts are announced.")
    ] = None,
    why: Why = "",
    yes: _Yes = False,
) -> None:
    """Add references and terms to an open case; what only they find waits for a second person where cases do."""
    from streams.desk.new_case import NewCase  # noqa: PLC0415 - likewise
    from streams.desk.own_cases import require_case  # noqa: PLC0415 - likewise

    settings = load_settings()
    require_case(settings, current_person(settings), "extend", case_id)
    new = NewCase("", [*(reference or []), *(files or [])], term or [], phrase or [], case_id=case_id, why=reason(why))
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
    why: Why = "",
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
    for word in note.searched if note is not None else []:
        print(word)  # noqa: T201 - output of a command


@app.command("allow")
@needs("allow")
def case_allow(
    name: Annotated[str, typer.Argument(help="What the files show, such as 'intro of channel 5'.")],
    files: Annotated[list[Path], typer.Argument(help="Harmless files; they stay on this machine.")],
    why: Why = "",
    yes: _Yes = False,
) -> None:
    """Allow the pictures and sounds of these files: logos, intros, test cards, songs that posts share with references.

    The files are described like references, and the same commands show, describe and withdraw them. They cause no
    search and no takedown; a post is still found by its other content.
    """
    from streams.desk.new_case import NewCase  # noqa: PLC0415 - likewise

    case_id = open_and_note(load_settings(), NewCase(name, files, benign=True, why=reason(why)), yes=yes)
    hint(f"to allow these files no longer: `jikimi case withdraw {case_id}`")


@app.command("describe")
@needs("describe")
def case_describe(  # noqa: PLR0917 - options are passed by name
    case_id: str,
    files: MoreFiles = None,
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
    why: Why = "",
) -> None:
    """Describe a case's own files by further models, before these are replayed or promoted."""
    from streams.desk.describe_case import describe_case  # noqa: PLC0415 - likewise
    from streams.desk.own_cases import require_case  # noqa: PLC0415 - likewise

    settings = load_settings()
    person = current_person(settings)
    require_case(settings, person, "describe", case_id)
    with acting(settings, person, "describe", case_id, reason(why), detail=with_):
        gaps = describe_case(settings, case_id, [*(reference or []), *(files or [])], phrase or [], with_)
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
