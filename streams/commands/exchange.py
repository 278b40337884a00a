"""`jikimi exchange`: hash lists of others in, signals of own cases out, and what was found about entries back."""

import asyncio
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Annotated, Literal

import typer

from schemas.messages import CaseKind
from streams.audit.acting import acting
from streams.commands.console import console
from streams.commands.hints import hint, hint_workers
from streams.commands.needs import needs
from streams.commands.options import Why
from streams.commands.reason import reason
from streams.errors import UsageError
from streams.rights.person import current_person
from streams.settings import load_settings
from streams.telemetry.logs import configure_service_logging

app = typer.Typer(
    no_args_is_help=True, help="Exchange hashes with StopNCII, NCMEC, ThreatExchange and HMA; see ops/docs/exchange.md."
)

_Format = Annotated[
    Literal["stopncii", "ncmec", "threatexchange", "lines"],
    typer.Option("--format", help="Format of the file; lines: `pdq HEX`, `video_md5 HEX`, `md5 HEX`."),
]
_Out = Annotated[Path, typer.Option(metavar="FILE", help="File to write.")]
_Member = Annotated[int, typer.Option(min=0, help="Our number at NCMEC or ThreatExchange.")]
_Name = Annotated[
    str, typer.Option("--list", metavar="NAME", help="Name of the list, of a-z, 0-9 and -; its case is list-NAME.")
]


@app.command("export")
@needs("exchange")
def exchange_export(  # noqa: PLR0917 - options are passed by name
    case_id: str,
    files: Annotated[list[Path], typer.Argument(help="Files that the case was opened with; they stay here.")],
    form: _Format,
    out: _Out,
    member: _Member = 0,
    tmk: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Folder for TMK+PDQF of the videos, each ID.tmk.")
    ] = None,
    why: Why = "",
) -> None:
    """Write MD5 of a case's files and PDQ of their pictures, for a list of others."""
    from streams.desk.own_cases import require_case  # noqa: PLC0415 - only this command needs it
    from streams.exchange.export_case import signals_of_case  # noqa: PLC0415 - likewise
    from streams.exchange.formats import FORMATS  # noqa: PLC0415 - likewise
    from streams.exchange.tmk_of_file import tmk_files_of_case  # noqa: PLC0415 - likewise

    _require_member(form, member)
    settings = load_settings()
    person = current_person(settings)
    require_case(settings, person, "exchange", case_id)
    found = signals_of_case(settings, case_id, files)
    beside = tmk_files_of_case(settings.media, case_id, files) if tmk is not None else {}
    content = FORMATS[form].write(found, at=datetime.now(UTC), member=member)
    with acting(settings, person, "exchange", case_id, reason(why), detail=f"exported {len(files)} files as {form}"):
        for name, descriptor in beside.items():
            _write((tmk or Path()) / name, descriptor)
        _write(out, content)
    hint(f"keep {out}: `jikimi exchange retract {out}` writes the withdrawal of what it has")


@app.command("retract")
@needs("exchange")
def exchange_retract(
    exported: Annotated[Path, typer.Argument(metavar="FILE", help="File that `export` has written.")],
    form: _Format,
    out: _Out,
    member: _Member = 0,
) -> None:
    """Write the withdrawal of what was exported, for instance after the case was withdrawn."""
    from streams.exchange.formats import FORMATS  # noqa: PLC0415 - only this command needs it
    from streams.exchange.formats.changes import Skipped  # noqa: PLC0415 - likewise
    from streams.exchange.import_list import read_changes  # noqa: PLC0415 - likewise

    _require_member(form, member)
    if not FORMATS[form].withdraws:
        raise UsageError(f"the format {form} has no withdrawal")
    found = [each for each in read_changes([exported], form, Skipped()).values() if each.signals]
    # NCMEC names an entry by member and id; what is written has the member in a place of its own.
    bare = [each._replace(origin=each.origin.rpartition("/")[2]) for each in found]
    _write(out, FORMATS[form].write(bare, at=datetime.now(UTC), withdrawn=True, member=member))


@app.command("import")
@needs("exchange")
def exchange_import(  # noqa: PLR0917 - options are passed by name
    files: Annotated[list[Path], typer.Argument(help="Pages of the list, as the exchange has sent them.")],
    form: _Format,
    name: _Name,
    kind: Annotated[CaseKind, typer.Option(help="What the media in it are, for notices.")] = "shared_without_consent",
    tmk: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Folder of TMK+PDQF, ID.tmk by the ids of entries.")
    ] = None,
    minor: Annotated[bool, typer.Option("--minor", help="The victims are minors.")] = False,
    whole: Annotated[bool, typer.Option("--whole", help="The files are all of the list, not changes.")] = False,
    why: Why = "",
) -> None:
    """Compare posts with a list of others from now on, for reviews only; one broken line, and nothing is imported."""
    from streams.exchange.formats import FORMATS  # noqa: F401, PLC0415 - only this command needs it
    from streams.exchange.import_list import NewList, import_list, list_id  # noqa: PLC0415 - likewise

    if not name or not set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-"):
        raise UsageError("the name of a list has only a-z, 0-9 and -")
    settings = load_settings()
    person = current_person(settings)
    with acting(settings, person, "exchange", list_id(name), reason(why), detail=f"imported {len(files)} files"):
        done = import_list(settings, NewList(name, files, form, kind, minor, tmk, whole, person.name))
    console.print(f"{done.case_id}: {done.signals} hashes, {done.changed} entries changed")
    if done.tmk:
        console.print(f"{done.tmk} TMK+PDQF on this machine: `jikimi exchange compare VIDEO --list {name}`")
    for what, count in sorted(done.skipped.items()):
        console.print(f"left out: {count} of {what}")
    if not settings.lists:
        hint("workers compare posts with lists where JIKIMI_LISTS is set")
    hint_workers(settings, ("visual", "match"))


@app.command("feedback")
@needs("exchange")
def exchange_feedback(form: _Format, name: _Name, out: _Out) -> None:
    """Write what persons here decided about the hits of a list's entries, for its exchange."""
    from streams.exchange.formats import FORMATS  # noqa: PLC0415 - only this command needs it
    from streams.exchange.import_list import list_id  # noqa: PLC0415 - likewise
    from streams.exchange.opinions_of_list import opinions  # noqa: PLC0415 - likewise

    settings = load_settings()
    found = opinions(settings, list_id(name))
    _write(out, FORMATS[form].feedback(found))
    console.print(f"{len(found)} entries that persons decided on")


@app.command("compare")
@needs("exchange")
def exchange_compare(
    video: Annotated[str, typer.Argument(help="Video on this machine, or a link to one, as `check` and reviews show.")],
    theirs: Annotated[
        list[Path] | None, typer.Argument(metavar="TMK", help="Descriptors of others, or folders of *.tmk.")
    ] = None,
    lists: Annotated[
        list[str] | None, typer.Option("--list", metavar="NAME", help="Imported list; may be given again.")
    ] = None,
) -> None:
    """Compare a video with TMK+PDQF of others or of imported lists, and print its copies by Meta's thresholds."""
    from streams.exchange.import_list import list_id  # noqa: PLC0415 - only this command needs it
    from streams.exchange.tmk_of_file import compare, read_tmk_file, tmk_paths  # noqa: PLC0415 - likewise
    from streams.exchange.tmk_store import TmkStore  # noqa: PLC0415 - likewise

    settings = load_settings()
    paths, stores = tmk_paths(theirs or []), {name: TmkStore(settings, list_id(name)) for name in lists or []}
    if not (n_files := len(paths) + sum(map(len, stores.values()))):
        raise UsageError("no TMK+PDQF to compare with: give files, folders of *.tmk or --list")
    given = ((str(path), read_tmk_file(path)) for path in paths)
    imported = ((f"{list_id(name)}/{one.origin}", one.tmk) for name, store in stores.items() for one in store.read())
    n_near = 0
    for name, found in compare(settings.media, video, chain(given, imported)):
        n_near += 1
        console.print(f"{name}: level 1 {found.level_1:.3f}, level 2 {found.level_2:.3f}")
    console.print(f"{n_near} of {n_files} are near")


@app.command("serve")
@needs("operate")
def exchange_serve(
    host: Annotated[str, typer.Option(help="Address to listen on; any but loopback needs a token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 for any free one.", min=0, max=65535)] = 8083,
) -> None:
    """Answer hash and match requests as HMA does, from the lists, at /h/hash, /m/lookup and /m/raw_lookup."""
    from streams.exchange.hma.serve import serve_hma  # noqa: PLC0415 - only this command needs it

    configure_service_logging()
    asyncio.run(serve_hma(load_settings(), host, port, console))


def _require_member(form: str, member: int) -> None:
    """Raise where the exchange identifies an entry by who entered it, and that is not given."""
    if form in {"ncmec", "threatexchange"} and not member:
        raise UsageError(f"{form} identifies entries by our number there: give --member NUMBER")


def _write(file: Path, content: bytes) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from error
