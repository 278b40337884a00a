"""Values of a platform's record: their paths and conversions."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from schemas.messages import Medium
from streams.feeds.entry import EntryError

TimeFormat = Literal["iso", "s", "ms", "us"]
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000}
_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
_WHOLE = "."


class Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Origin of a value: a path, a constant or a template."""

    path: str | None = None
    """Dotted, or a JSON pointer if it starts with a slash; list items by number; a single dot is the whole document."""
    value: str | None = None
    """Constant."""
    template: str | None = None
    """Text with paths in braces."""
    format: TimeFormat = "iso"
    """Of a time: ISO 8601, or seconds, milliseconds or microseconds since the epoch."""

    def __post_init__(self) -> None:
        given = [name for name in ("path", "value", "template") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("give one of path, value and template")


type Spec = str | Value
"""A string is a path."""


class Media(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Paths of media and their attributes."""

    each: str | None = None
    """Path of a list; the other paths then start at its items."""
    url: Spec
    kind: Spec | None = None
    alt: Spec | None = None


def find(document: Any, path: str) -> Any:  # noqa: ANN401 - JSON
    """Return the value at a path, None if there is none."""
    for step in steps(path):
        if isinstance(document, Mapping):
            document = document.get(step)
        elif isinstance(document, list) and step.isdecimal() and int(step) < len(document):
            document = document[int(step)]
        else:
            return None
    return document


def steps(path: str) -> list[str]:
    """Return the names along a path.

    Raises
    ------
    ValueError
        A name is empty.
    """
    if path == _WHOLE:
        return []
    if path.startswith("/"):  # RFC 6901
        return [step.replace("~1", "/").replace("~0", "~") for step in path[1:].split("/")]
    names = path.split(".")
    if not all(names):
        raise ValueError(f"{path!r} is not a path")
    return names


def text(document: Any, spec: Spec | None) -> str | None:  # noqa: ANN401 - JSON
    """Return a text, None if there is none.

    Raises
    ------
    EntryError
        The value has another type.
    """
    spec = Value(spec) if isinstance(spec, str) else spec
    if spec is None:
        return None
    if spec.value is not None:
        return spec.value
    if spec.template is not None:
        parts = {path: text(document, path) for path in _PLACEHOLDER.findall(spec.template)}
        if None in parts.values():
            return None
        return _PLACEHOLDER.sub(lambda match: str(parts[match[1]]), spec.template)
    assert spec.path is not None
    return _text(find(document, spec.path), spec.path)


def time(document: Any, spec: Spec | None) -> datetime | None:  # noqa: ANN401 - JSON
    """Return a time, None if there is none.

    Raises
    ------
    EntryError
        The value is not a time in this format.
    """
    spec = Value(spec) if isinstance(spec, str) else spec
    if spec is None or spec.path is None or (found := find(document, spec.path)) is None:
        return None
    if isinstance(found, datetime):  # a logical type of Avro
        return found
    try:
        return _time(found, spec.format)
    except (ValueError, TypeError, OverflowError, OSError) as error:  # also of msgspec
        raise EntryError(f"{spec.path}: {str(found)[:80]!r} is not a time in the format {spec.format}") from error


def texts(document: Any, path: str | None) -> list[str]:  # noqa: ANN401 - JSON
    """Return the texts of a list, or a single text as a list."""
    found = None if path is None else find(document, path)
    items: list[Any] = found if isinstance(found, list) else [found]
    return [item_text for item in items if (item_text := _text(item, str(path)))]


def media(document: Any, spec: str | Media) -> Iterator[Medium]:  # noqa: ANN401 - JSON
    """Yield the media of a record.

    Raises
    ------
    EntryError
        A list item has no url, or a value has another type.
    """
    if isinstance(spec, str):
        yield from (Medium(url=url) for url in texts(document, spec))
        return
    found = document if spec.each is None else find(document, spec.each)
    for item in found if spec.each is not None and isinstance(found, list) else [found]:
        if url := text(item, spec.url):
            yield Medium(url=url, kind=text(item, spec.kind), alt=text(item, spec.alt) or "")
        elif spec.each is not None and item is not None:
            raise EntryError(f"{spec.each}: an item has no url")


def _time(found: Any, time_format: TimeFormat) -> datetime:  # noqa: ANN401 - JSON
    if time_format == "iso":
        return msgspec.convert(found, datetime)
    return datetime.fromtimestamp(float(found) / _PER_SECOND[time_format], UTC)


def _text(found: Any, path: str) -> str | None:  # noqa: ANN401 - JSON
    if found is None or isinstance(found, str):
        return found
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    raise EntryError(f"{path}: expected a text, got {type(found).__name__}")
