"""`jikimi doctor`: health checks with remedies."""

import sys
from typing import Annotated

import typer

from streams.commands.console import console
from streams.commands.needs import needs
from streams.errors import UsageError
from streams.settings import load_settings

_COLOURS = {"ok": "green", "warn": "yellow", "wrong": "red"}


@needs("check")
def doctor(
    role: Annotated[
        list[str] | None,
        typer.Option(metavar="ROLE", help="Only the checks for this stage, the feeds or the desk; may be repeated."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check the broker, the models and this machine, and print a remedy for each problem; changes nothing."""
    import msgspec  # noqa: PLC0415 - the imports below load every model library

    from streams.doctor.examine import examine  # noqa: PLC0415
    from streams.doctor.rights import ROLES  # noqa: PLC0415

    if unknown := sorted(set(role or ()) - set(ROLES)):
        raise UsageError(f"unknown role {unknown[0]!r}: expected some of {', '.join(ROLES)}")
    found = []
    for finding in examine(load_settings(), role or ROLES):
        found.append(finding)
        if not json:
            colour = _COLOURS[finding.health]
            console.print(f"[{colour}]{finding.health:5}[/]  {finding.check:18} ", end="")
            console.print(finding.message, markup=False, highlight=False, soft_wrap=True)
            if finding.remedy:
                console.print(f"       {'':18}   mend: {finding.remedy}", markup=False, highlight=False, soft_wrap=True)
    if json:
        print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())  # noqa: T201
    sys.exit(1 if any(finding.health == "wrong" for finding in found) else 0)
