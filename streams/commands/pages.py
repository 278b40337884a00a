"""`jikimi console`: pages in the browser for case officers and reviewers."""

import asyncio
import gc
from typing import Annotated

import typer

from streams.commands.needs import needs
from streams.settings import load_settings
from streams.telemetry.logs import configure_service_logging


@needs("check")
def console(
    port: Annotated[int, typer.Option(help="Port on this machine; 0 for any free one.", min=0, max=65535)] = 8082,
    officer: Annotated[
        str,
        typer.Option(metavar="PSEUDONYM", envvar="JIKIMI_REVIEWER", help="Pseudonym of the person who decides."),
    ] = "",
    team: Annotated[bool, typer.Option("--team", help="For several persons, who log in by OpenID Connect.")] = False,
) -> None:
    """Serve pages for one person on this machine: cases, reviews, takedowns, operation, dead letters.

    It prints a link that opens them once. With --team, persons log in at JIKIMI_OIDC_ISSUER instead, have the roles
    that it gives them, and sign by the pseudonyms of JIKIMI_CONSOLE_PSEUDONYMS. Stop it with Ctrl-C: decisions that
    still can be undone are written then.
    """
    from streams.console.serve import serve_console  # noqa: PLC0415 - only this command needs it

    configure_service_logging()
    gc.freeze()  # a long topic makes and drops millions of objects: the collector need not look at the program's own
    asyncio.run(serve_console(load_settings(), port, officer, _print, team=team))


def _print(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - output of a command
