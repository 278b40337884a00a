"""Types of arguments in `--help`: FILE, NUMBER or TEXT, nothing for a switch, instead of Python's own."""

from functools import wraps

from typer.core import TyperArgument, TyperOption

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
