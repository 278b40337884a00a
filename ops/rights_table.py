"""Table of rights in the documentation, generated from the code: `python -m ops.rights_table`."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from ops.markdown import write_table
from streams.cli import app
from streams.commands.needs import ATTRIBUTE
from streams.rights.settings import ROLES
from streams.rights.table import RIGHTS, Grant

UNDECLARED = "undeclared"
DOCUMENT = Path(__file__).parent / "docs" / "rights.md"
_HEAD = f"| right | a person may | {' | '.join(ROLES)} | commands |\n|{'---|' * (len(ROLES) + 3)}\n"


def table() -> str:
    """Return the table in Markdown, one row per right in the order of their declaration."""
    commands = defaultdict(list)
    for name, right in command_rights().items():
        commands[right].append(f"`{name}`")
    return _HEAD + "".join(_row(right, grant, commands[right]) for right, grant in RIGHTS.items())


def command_rights() -> dict[str, str | None]:
    """Return the right that each command needs, None if it needs none, `UNDECLARED` where it declares nothing."""
    return {
        name: getattr(function, ATTRIBUTE, UNDECLARED) for name, function in _functions(typer.main.get_command(app))
    }


def _functions(command: Any, name: str = "") -> Iterator[tuple[str, object]]:  # noqa: ANN401 - typer has its own copy of click
    """Yield name and function of every command, also of groups that do something when called alone."""
    below = getattr(command, "commands", {})
    if not below or command.invoke_without_command:
        yield name, command.callback
    for key, each in below.items():
        yield from _functions(each, f"{name} {key}".strip())


def _row(right: str, grant: Grant, commands: list[str]) -> str:
    scopes = " | ".join({"": "", "own": "own cases", "all": "yes"}[grant.scope(role)] for role in ROLES)
    return f"| {right} | {grant.meaning} | {scopes} | {', '.join(commands)} |\n"


if __name__ == "__main__":
    write_table(DOCUMENT, "right", table())
