"""Values of a platform's record: their paths and conversions."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec

from schemas.messages import Medium
from streams.feeds.notes import Notes
from streams.feeds.times import from_epoch, from_text, plausible

TimeFormat = Literal["iso", "s", "ms", "us"]
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000}
_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
_WHOLE = "."
_MAX_BITS = 256
"""Of a number that is taken for a text."""
UNREADABLE = "feed_medium_unreadable"
"""Reason of a dead letter beside a post."""


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
        if self.template is not None and set("{}") & set(_PLACEHOLDER.sub("", self.template)):
            raise ValueError(f"{self.template!r} is not a template: a path is written {{path}}")


type Spec = str | Value
"""A string is a path."""


class Media(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Paths of media and their attributes."""

    each: str | None = None
    """Path of a list; the other paths then start at its items."""
    url: Spec
    kind: Spec | None = None
    alt: Spec | None = None


def placeholders(template: str) -> list[str]:
    """Return the paths in a template."""
    return _PLACEHOLDER.findall(template)


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


def text(document: Any, spec: Spec | None, notes: Notes) -> str | None:  # noqa: ANN401 - JSON
    """Return a text, None if there is none; a value of another type is none too, and noted."""
    spec = Value(spec) if isinstance(spec, str) else spec
    if spec is None:
        return None
    if spec.value is not None:
        return spec.value
    if spec.template is not None:
        parts = {path: text(document, path, notes) for path in placeholders(spec.template)}
        if None in parts.values():
            return None
        return _PLACEHOLDER.sub(lambda match: str(parts[match[1]]), spec.template)
    assert spec.path is not None
    return _text(find(document, spec.path), spec.path, notes)


def time(document: Any, spec: Spec | None, notes: Notes) -> datetime | None:  # noqa: ANN401 - JSON
    """Return a time, None if there is none; what is no time from 1970 to 2100 in this format is none too, and noted."""
    spec = Value(spec) if isinstance(spec, str) else spec
    if spec is None or spec.path is None or (found := find(document, spec.path)) is None:
        return None
    time = _time(found, spec.format)
    if time is None:
        notes.add(f"{spec.path}: no time from 1970 to 2100 in the format {spec.format}, as seen")
    return time


def texts(document: Any, path: str | None, notes: Notes) -> list[str]:  # noqa: ANN401 - JSON
    """Return the texts of a list, or a single text as a list; values of other types are left out and noted."""
    found = None if path is None else find(document, path)
    items: list[Any] = found if isinstance(found, list) else [found]
    return [item_text for item in items if (item_text := _text(item, str(path), notes))]


def media(document: Any, spec: str | Media, notes: Notes) -> Iterator[Medium]:  # noqa: ANN401 - JSON
    """Yield the media of a record; one without a link is noted for a dead letter beside the post."""
    if isinstance(spec, str):
        yield from _links(document, spec, notes)
        return
    found = document if spec.each is None else find(document, spec.each)
    for item in found if spec.each is not None and isinstance(found, list) else [found]:
        if url := text(item, spec.url, notes):
            yield Medium(url=url, kind=text(item, spec.kind, notes), alt=text(item, spec.alt, notes) or "")
        elif item is not None and (spec.each is not None or _is_odd(item, spec.url)):
            notes.add_unread(UNREADABLE, f"{spec.each or 'media'}: an item without a url")


def _links(document: Any, path: str, notes: Notes) -> Iterator[Medium]:  # noqa: ANN401 - JSON
    found = find(document, path)
    for item in found if isinstance(found, list) else [found]:
        if url := _text(item, path, notes):
            yield Medium(url=url)
        elif item is not None and not isinstance(item, str):
            notes.add_unread(UNREADABLE, f"{path}: not a link")


def _is_odd(item: Any, spec: Spec) -> bool:  # noqa: ANN401 - JSON
    """Return whether something that is not a text is where a link is expected."""
    path = spec if isinstance(spec, str) else spec.path
    found = None if path is None else find(item, path)
    return found is not None and not isinstance(found, str)


def _time(found: Any, time_format: TimeFormat) -> datetime | None:  # noqa: ANN401 - JSON
    if isinstance(found, datetime):  # a logical type of Avro
        return plausible(found)
    if time_format == "iso":
        return from_text(found)
    try:
        return from_epoch(float(found) if isinstance(found, str | Decimal) else found, _PER_SECOND[time_format])
    except ValueError:
        return None


def _text(found: Any, path: str, notes: Notes) -> str | None:  # noqa: ANN401 - JSON
    if found is None or isinstance(found, str):
        return found
    if isinstance(found, int) and not isinstance(found, bool) and found.bit_length() <= _MAX_BITS:
        return str(found)
    notes.add(f"{path}: expected a text, got {type(found).__name__}")
    return None
