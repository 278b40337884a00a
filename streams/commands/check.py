"""`jikimi check`: links that a victim brings, through the live stages at once."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from streams.commands.console import console
from streams.commands.hints import hint_workers
from streams.commands.needs import needs
from streams.commands.options import Why
from streams.commands.reason import reason
from streams.errors import UsageError
from streams.settings import load_settings

_MAX_FILE_BYTES = 1_000_000
_EVERY_CASE = "every case"
"""Subject of the act where no case is named."""


@needs("extend")
def check(  # noqa: PLR0917 - the options of the command
    urls: Annotated[
        list[str] | None, typer.Argument(metavar="URL…", help="Links to videos, pictures or pages.")
    ] = None,
    case: Annotated[str | None, typer.Option("--case", metavar="CASE", help="Only answers for this case.")] = None,
    file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="More links, one a line, # for comments; - is standard input.")
    ] = None,
    wait: Annotated[float, typer.Option(metavar="SECONDS", min=1, help="Longest wait for one link's answer.")] = 120.0,
    why: Why = "",
    json: Annotated[bool, typer.Option("--json", help="Print a line of JSON for each link.")] = False,
) -> None:
    """Check links now: each goes through the live stages, and one line gives its verdict and what follows.

    A page is read for the media that it names. A copy is taken down, as if a feed had found it. Exit codes: 0 nothing
    was found, 3 a copy was found, 4 a person has to decide on one, 5 a link could not be looked at, or had no verdict
    in time; the first that applies of 3, 4, 5.
    """
    import msgspec  # noqa: PLC0415 - only this command needs it

    from streams.audit.acting import acting  # noqa: PLC0415 - likewise
    from streams.desk.checking.answer import Answer, exit_code  # noqa: PLC0415 - likewise
    from streams.desk.checking.check import Checking  # noqa: PLC0415 - likewise
    from streams.desk.checking.check import check as check_links  # noqa: PLC0415 - likewise
    from streams.desk.checking.lines import answer_lines  # noqa: PLC0415 - likewise
    from streams.desk.hits.lines import print_line  # noqa: PLC0415 - likewise
    from streams.desk.own_cases import require_open_case, visible_cases  # noqa: PLC0415 - likewise
    from streams.rights.person import current_person  # noqa: PLC0415 - likewise

    def show(answer: Answer) -> None:
        if json:
            print(msgspec.json.encode(answer).decode(), flush=True)  # noqa: T201 - output of a command
            return
        for line in answer_lines(answer):
            print_line(console, line)

    settings = load_settings()
    person, addresses = current_person(settings), [*(urls or []), *_listed(file)]
    if not addresses:
        raise UsageError("give the links, or --file with a list of them")
    if case is not None:
        require_open_case(settings, person, "read", case)
    cases = visible_cases(settings, person, "read") if case is None else frozenset({case})
    n_checked = f"{len(addresses)} addresses checked"
    with acting(settings, person, "extend", case or _EVERY_CASE, reason(why), detail=n_checked):
        answers = check_links(settings, Checking(addresses, cases, wait), show)
    if any(answer.result == "waiting" for answer in answers):
        hint_workers(settings)
    sys.exit(exit_code(answers))


def _listed(file: Path | None) -> list[str]:
    """Return the links of a list.

    Raises
    ------
    UsageError
        It cannot be read, or is too long for a list of links.
    """
    if file is None:
        return []
    try:
        with sys.stdin.buffer if str(file) == "-" else file.open("rb") as stream:
            raw = stream.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from error
    if len(raw) > _MAX_FILE_BYTES:
        raise UsageError(f"{file} has more than {_MAX_FILE_BYTES:,} bytes: is it a list of links, one a line?")
    lines = [line.strip() for line in raw.decode("utf-8-sig", errors="replace").splitlines()]
    return [line for line in lines if line and not line.startswith("#")]
