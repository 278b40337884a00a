"""Output of every subcommand: its console, and the types of its arguments in `--help`."""

import sys
from functools import wraps

from rich.console import Console
from typer.core import TyperArgument, TyperOption

# In a file or a pipe the tables keep the width that they are laid out for.
console = Console(width=None if sys.stdout.isatty() else 120)

_NAMES = {"bool": "", "str": "TEXT", "int": "NUMBER", "float": "NUMBER", "path": "PATH", "file": "FILE"}


def use_plain_types() -> None:
    """Let every command show plain types; typer 0.29 has no setting for it, and shows `<list[Path]>`."""
    for kind in (TyperOption, TyperArgument):
        python_type = kind.display_type

        @wraps(python_type)
        def plain_type(self: TyperOption, ctx: object, of: object = python_type) -> str:
            name: str = of(self, ctx).strip("<>").removeprefix("list[").removesuffix("]").removesuffix(" range")  # type: ignore[operator]
            return _NAMES.get(name.lower(), name)

        kind.display_type = plain_type  # type: ignore[assignment]
