"""Page of all settings in the documentation, generated from their classes: `python -m ops.settings_table`."""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from streams.settings import Settings

DOCUMENT = Path(__file__).parent / "docs" / "settings.md"
_UNITS = {"_s": "s", "_ms": "ms", "_min": "min", "_h": "h", "_hz": "Hz", "_bytes": "bytes", "_pixels": "pixels"}
_HEAD = """# Settings

<!-- Written by `python -m ops.settings_table` from the classes of settings: change the descriptions there. -->

Every process reads its settings once, at its start, from its environment. A wrong one is one line with its name, and
exit code 2.

- **A secret** is also read from a file: `JIKIMI_X_FILE` names it in place of `JIKIMI_X`.
- **A list** is written `a,b`; items with a comma in them as JSON, `["a,b"]`. A map is
  `name=value,name=value`, or JSON; a map of secrets is JSON.
- **In the chart** they are [values](../../helm/jikimi/README.md) of the same names, in lower case.
"""
_COLUMNS = "| setting | default | unit | meaning |\n|---|---|---|---|\n"


def page() -> str:
    """Return the page in Markdown, a table for each class in the order of their declaration."""
    return _HEAD + "".join(_section(settings) for settings in _classes(Settings))


def _classes(settings: type[BaseSettings]) -> Iterator[type[BaseSettings]]:
    yield settings
    for field in settings.model_fields.values():
        if _is_group(field):
            yield from _classes(field.annotation)  # type: ignore[arg-type]


def _section(settings: type[BaseSettings]) -> str:
    prefix = str(settings.model_config["env_prefix"])
    meanings = descriptions(settings)
    rows = [
        f"| `{prefix}{name.upper()}` | {_default(field)} | {_unit(name)} | {meanings[name]} |\n"
        for name, field in settings.model_fields.items()
        if not _is_group(field)
    ]
    title = (inspect.getdoc(settings) or "").partition("\n")[0].partition(";")[0].rstrip(".")
    return f"\n## {prefix}…\n\n{title}.\n\n{_COLUMNS}{''.join(rows)}"


def descriptions(settings: type[BaseSettings]) -> dict[str, str]:
    """Return the docstring below each field, as one line; raises KeyError for a field without one."""
    (node,) = ast.parse(dedent(inspect.getsource(settings))).body
    assert isinstance(node, ast.ClassDef)
    found = {
        field.target.id: " ".join(inspect.cleandoc(text.value.value).split()).replace("|", "\\|")
        for field, text in zip(node.body, node.body[1:], strict=False)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }
    return {name: found[name] for name in settings.model_fields}


def _default(field: FieldInfo) -> str:
    if field.annotation is SecretStr or SecretStr in get_args(field.annotation):
        return "a secret"
    value: Any = field.get_default(call_default_factory=True)
    if get_origin(field.annotation) in {tuple, list, dict}:
        value = ",".join(value)
    if isinstance(value, bool):
        value = str(value).lower()
    return "" if value in {None, ""} else f"`{value}`"


def _unit(name: str) -> str:
    return next((unit for ending, unit in _UNITS.items() if name.endswith(ending)), "")


def _is_group(field: FieldInfo) -> bool:
    kind = field.annotation
    return isinstance(kind, type) and issubclass(kind, BaseSettings)


if __name__ == "__main__":
    DOCUMENT.write_text(page(), "utf-8")
