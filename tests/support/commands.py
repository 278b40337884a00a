"""`jikimi` commands taken apart as the program does it, and not run."""

from collections.abc import Sequence

from typer.core import TyperGroup
from typer.main import get_command

from streams.cli import app


def parse(arguments: Sequence[str]) -> None:
    """Raise what the program would if there is no such command, or it takes no such arguments."""
    command, rest = get_command(app), list(arguments)
    context = command.make_context("jikimi", list(rest))
    while isinstance(command, TyperGroup):
        _, found, rest = command.resolve_command(context, rest)
        assert found is not None
        command, context = found, found.make_context(found.name, list(rest), parent=context)
