"""`jikimi evidence`: a signed pack of what was found and done, for police and court; and its verification."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, override

import typer
from typer.core import TyperGroup

from streams.audit.acting import acting
from streams.commands.console import console
from streams.commands.needs import needs
from streams.commands.reason import reason
from streams.rights.person import current_person
from streams.settings import load_settings

if TYPE_CHECKING:
    from streams.delivery.evidence.words import Language

_DEFAULT = "write"
_PDF_POSTS = 50


class _Group(TyperGroup):
    """Group whose first word may be an id: `jikimi evidence ID` is `jikimi evidence write ID`."""

    @override
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, self._with_command(args))

    @override
    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        return super().resolve_command(ctx, self._with_command(args))

    def _with_command(self, args: list[str]) -> list[str]:
        return args if not args or args[0] in {*self.commands, "--help"} else [_DEFAULT, *args]


app = typer.Typer(
    cls=_Group,
    no_args_is_help=True,
    help="Write a signed pack of what was found and done, for police and court, or verify one.",
)


@app.command(_DEFAULT)
@needs("evidence")
def evidence_write(  # noqa: PLR0917 - the options of the command
    identifier: Annotated[str, typer.Argument(metavar="CASE|TAKEDOWN", help="Id of a case or of one takedown.")],
    out: Annotated[Path, typer.Option(metavar="FOLDER|FILE.zip", help="New folder or new zip file.")],
    lang: Annotated[Literal["ko", "en", "both"], typer.Option(help="Language of the documents.")] = "both",
    thumbnails: Annotated[bool, typer.Option("--thumbnails", help="Add the blurred thumbnails.")] = False,
    zone: Annotated[
        str, typer.Option(metavar="ZONE", help="Zone of local times, such as Asia/Seoul; this machine's by default.")
    ] = "",
    pdf_posts: Annotated[
        int, typer.Option(help="Most posts in a PDF, 0 for none; HTML and data hold all.", min=0)
    ] = _PDF_POSTS,
    why: Annotated[str, typer.Option(help="The reason, such as the file number of the police; it is stored.")] = "",
) -> None:
    """Write a pack; the word `write` may be left out."""
    from streams.delivery.evidence.make import PackRequest, make_pack  # noqa: PLC0415 - loads PDF and fonts
    from streams.desk.own_cases import require_case_or_takedown  # noqa: PLC0415 - likewise

    languages: tuple[Language, ...] = ("ko", "en") if lang == "both" else (lang,)
    request = PackRequest(identifier, out, languages, thumbnails, zone, pdf_posts)
    settings = load_settings()
    person = current_person(settings)
    require_case_or_takedown(settings, person, "evidence", identifier)
    with acting(settings, person, "evidence", identifier, reason(why)):
        written = make_pack(settings, request)
    console.print(f"{out}: {written.takedowns} takedowns, {written.events} events", soft_wrap=True)
    if 0 < written.pdf_posts < written.takedowns:
        limit = f"the PDF holds the first {written.pdf_posts} posts; HTML and data hold all: --pdf-posts changes that"
        console.print(limit, soft_wrap=True)
    key = f"signed; tell the receiver by another way that the key's SHA-256 is {written.key}"
    console.print(key, soft_wrap=True)


@app.command("verify")
@needs(None)
def evidence_verify(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A pack: folder or zip file.")],
    key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Public key of the centre, PEM; the pack's own by default.")
    ] = None,
) -> None:
    """Verify a pack without a network and without settings; exit code 1 if anything is wrong."""
    from streams.delivery.evidence.verify import verify_pack  # noqa: PLC0415 - likewise

    found = verify_pack(path, key)
    for line in found.faults:
        console.print(f"wrong: {line}", soft_wrap=True, markup=False)
    for line in found.notes:
        console.print(f"note: {line}", soft_wrap=True, markup=False)
    if found.faults:
        raise typer.Exit(1)
    signed = ", ".join(
        f"{name} {found.statement.get(name, '?')}" for name in ("case", "takedowns", "events", "signed-at")
    )
    console.print(f"as it was signed: {signed}", soft_wrap=True, markup=False)
    if anchor := found.statement.get("anchor"):
        console.print(f"the log's last checkpoint then: {anchor}", soft_wrap=True, markup=False)
    whose = "the key given" if key else "the pack's own key: compare it with what the centre told you by another way"
    console.print(f"key's SHA-256 {found.key}, {whose}", soft_wrap=True, markup=False)
