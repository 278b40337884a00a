"""Backward compatibility of two schemas, by the resolution rules of Avro 1.12."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

type Node = Any
"""A schema's JSON, or a part of it."""

_PROMOTIONS = {
    "int": {"long", "float", "double"},
    "long": {"float", "double"},
    "float": {"double"},
    "string": {"bytes"},
    "bytes": {"string"},
}


def breaking_changes(old: Node, new: Node) -> list[str]:
    """Return the reasons why a reader of `new` cannot read records written with `old`, one line each; empty if it can.

    Stricter than Avro in one point: a changed logical type is breaking, because the same bytes would mean another time.
    """
    return list(_compare(_inlined(old, {}), _inlined(new, {}), "."))


def _compare(old: Node, new: Node, at: str) -> Iterator[str]:
    if isinstance(old, list):
        for branch in old:
            yield from _compare_branch(branch, new, at)
        return
    if isinstance(new, list):
        yield from _compare_branch(old, new, at)
        return
    was, now = _kind(old), _kind(new)
    if was != now and now not in _PROMOTIONS.get(was, ()):
        yield f"{at}: {was} became {now}"
    elif was == now and _logical(old) != _logical(new):
        yield f"{at}: logical type {_logical(old)} became {_logical(new)}"
    elif was == now and was in _SAME_KIND:
        yield from _SAME_KIND[was](old, new, at)


def _compare_branch(old: Node, new: Node, at: str) -> Iterator[str]:
    """Compare one branch of the old schema with the branches of the new one that may read it."""
    readers = new if isinstance(new, list) else [new]
    attempts = [list(_compare(old, reader, at)) for reader in readers]
    if all(attempts):
        same_kind = (
            problems for problems, reader in zip(attempts, readers, strict=True) if _kind(reader) == _kind(old)
        )
        yield from next(same_kind, [f"{at}: nothing reads what was written as {_kind(old)}"])


def _compare_records(old: Node, new: Node, at: str) -> Iterator[str]:
    if problem := _renamed(old, new, at):
        yield problem
    written = {field["name"]: field for field in old["fields"]}
    for field in new["fields"]:
        names = [field["name"], *field.get("aliases", [])]
        source = next((written[name] for name in names if name in written), None)
        where = f"{at}{field['name']}"
        if source is not None:
            yield from _compare(source["type"], field["type"], where + ".")
        elif "default" not in field:
            yield f"{where}: new, and old records have no value for it: give it a default"


def _compare_enums(old: Node, new: Node, at: str) -> Iterator[str]:
    if problem := _renamed(old, new, at):
        yield problem
    if "default" not in new:
        for symbol in old["symbols"]:
            if symbol not in new["symbols"]:
                yield f"{at}: symbol {symbol} is gone"


def _compare_fixed(old: Node, new: Node, at: str) -> Iterator[str]:
    if problem := _renamed(old, new, at):
        yield problem
    if old["size"] != new["size"]:
        yield f"{at}: {old['size']} bytes became {new['size']}"


_SAME_KIND: dict[str, Callable[[Node, Node, str], Iterator[str]]] = {
    "record": _compare_records,
    "enum": _compare_enums,
    "fixed": _compare_fixed,
    "array": lambda old, new, at: _compare(old["items"], new["items"], at + "[]."),
    "map": lambda old, new, at: _compare(old["values"], new["values"], at + "{}."),
}


def _renamed(old: Node, new: Node, at: str) -> str | None:
    if old["name"] in {new["name"], *new.get("aliases", [])}:
        return None
    return f"{at}: {old['name']} was renamed {new['name']} without an alias"


def _kind(node: Node) -> str:
    return str(node["type"] if isinstance(node, Mapping) else node)


def _logical(node: Node) -> str | None:
    return node.get("logicalType") if isinstance(node, Mapping) else None


def _inlined(node: Node, named: dict[str, Node]) -> Node:
    """Return the schema with every named type replaced by its definition; our schemas are not recursive."""
    if isinstance(node, str):
        return named.get(node, node)
    if isinstance(node, list):
        return [_inlined(branch, named) for branch in node]
    if isinstance(node["type"], (Mapping, list)):
        return _inlined(node["type"], named)
    whole = dict(node)
    if "fields" in node:
        whole["fields"] = [{**field, "type": _inlined(field["type"], named)} for field in node["fields"]]
    for part in ("items", "values"):
        if part in node:
            whole[part] = _inlined(node[part], named)
    if "name" in node:
        named[node["name"]] = whole
    return whole
