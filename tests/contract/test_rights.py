"""Every command and every HTTP route declares the right that it needs, and the documented table is current."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
import typer

from ops import rights_table
from ops.markdown import table_of
from ops.rights_table import DOCUMENT, UNDECLARED, command_rights, table
from streams.rights.table import MACHINE, RIGHTS, Right

ROOT = Path(__file__).parents[2]
METHODS = {
    "get",
    "post",
    "put",
    "patch",
    "delete",
    "head",
    "route",
    "websocket",
    "websocket_listener",
    "websocket_stream",
}
FREE = {"evaluate", "evaluate words", "evaluate make-set", "evidence verify"}
"""Commands without a right: they read files that the person has, and nothing of the system."""


def test_every_command_declares_a_right() -> None:
    declared = command_rights()
    missing = [name for name, right in declared.items() if right == UNDECLARED]
    assert missing == [], "decorate it with streams.commands.needs"
    assert {name for name, right in declared.items() if right is None} == FREE
    assert {right for right in declared.values() if right is not None} <= set(RIGHTS)
    assert {"case withdraw", "replay", "worker", "label"} <= set(declared)


def test_a_command_without_a_right_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    app = typer.Typer()
    app.command("one")(lambda: None)
    app.command("two")(lambda: None)
    monkeypatch.setattr(rights_table, "app", app)
    assert command_rights() == {"one": UNDECLARED, "two": UNDECLARED}


def test_the_table_has_every_right_and_is_documented() -> None:
    assert tuple(RIGHTS) == get_args(Right)
    assert table_of(DOCUMENT, "right") == table(), "run python -m ops.rights_table"


def routes(source: str) -> Iterator[tuple[str, object]]:
    """Yield the function of each HTTP route, and the right that its decorator's `opt` names, None without one."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef):
            continue
        for call in node.decorator_list:
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in METHODS:
                yield node.name, right_of(call)


def right_of(call: ast.Call) -> object:
    for keyword in call.keywords:
        if keyword.arg == "opt" and isinstance(keyword.value, ast.Dict):
            named = zip(keyword.value.keys, keyword.value.values, strict=True)
            return next((_value(value) for key, value in named if key is not None and _value(key) == "right"), None)
    return None


def _value(node: ast.expr) -> object:
    if isinstance(node, ast.Name):
        return MACHINE if node.id == "MACHINE" else node.id
    return node.value if isinstance(node, ast.Constant) else None


def test_every_http_route_declares_a_right_or_that_programs_use_it() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{name}": right
        for path in (ROOT / "streams").rglob("*.py")
        if "from litestar import" in (source := path.read_text())
        for name, right in routes(source)
    }
    assert {name for name, right in found.items() if right not in {*RIGHTS, MACHINE}} == set()
    assert found["streams/feeds/http/app.py:submit_posts"] == MACHINE


def test_a_route_without_a_right_is_found() -> None:
    source = '@get("/a")\nasync def a(): ...\n@post("/b", opt={"right": "read"})\nasync def b(): ...\n'
    assert dict(routes(source)) == {"a": None, "b": "read"}
