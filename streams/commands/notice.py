"""`jikimi notice`: the text of notices, as sent or as drafts."""

import asyncio
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.audit.acting import acting
from streams.commands.needs import needs
from streams.commands.options import Why
from streams.commands.reason import reason
from streams.rights.person import current_person
from streams.settings import load_settings

if TYPE_CHECKING:
    from streams.desk.notices import ShownNotice

app = typer.Typer(no_args_is_help=True, help="Show notices to platforms: those that were sent, and drafts.")

_Language = Annotated[str, typer.Option(metavar="TAG", help="Language such as ko; the platform's by default.")]
_Html = Annotated[Path | None, typer.Option(metavar="FILE", help="Write the notice there as an HTML page instead.")]


@app.command("show")
@needs("read")
def notice_show(takedown_id: str, lang: _Language = "", html: _Html = None) -> None:
    """Show the last notice of a takedown, a draft if none was sent yet.

    A notice that was sent is shown in its own language; with another `--lang` a draft in that language is.
    """
    from streams.desk.notices import takedown_notice  # noqa: PLC0415 - only this command needs it
    from streams.desk.own_cases import require_takedown  # noqa: PLC0415 - likewise

    settings = load_settings()
    require_takedown(settings, current_person(settings), "read", takedown_id)
    _print([asyncio.run(takedown_notice(settings, takedown_id, lang))], html)


@app.command("bundle")
@needs("send")
def notice_bundle(
    case: Annotated[str, typer.Option(metavar="CASE", help="Case whose pending takedowns are bundled.")],
    platform: Annotated[str, typer.Option(metavar="NAME", help="Platform's name in the registry, such as bluesky.")],
    lang: _Language = "",
    html: _Html = None,
    why: Why = "",
) -> None:
    """Show one notice for all posts of a case that are pending on a platform.

    Posts whose text alone names the victim need a second one, and so does every further 200 posts.
    """
    from streams.desk.notices import bundle  # noqa: PLC0415 - likewise
    from streams.desk.own_cases import require_case  # noqa: PLC0415 - likewise

    settings = load_settings()
    person = current_person(settings)
    require_case(settings, person, "send", case)
    with acting(settings, person, "send", case, reason(why), detail=f"bundle for {platform}"):
        shown = asyncio.run(bundle(settings, case, platform, lang))
    _print(shown, html)


def _print(shown: "Iterable[ShownNotice]", html: Path | None) -> None:
    """Print notices to standard output, or write pages, and what became of them to standard error."""
    from streams.delivery.notices import render  # noqa: PLC0415 - likewise

    for number, one in enumerate(shown):
        print(f"{one.status}\n{one.review}", file=sys.stderr)  # noqa: T201
        if html is None:
            print(render.text(one.notice))  # noqa: T201
            continue
        file = html.with_stem(f"{html.stem}-{number + 1}") if number else html
        file.write_text(render.html(one.notice), "utf-8")
