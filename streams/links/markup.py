"""Reader of HTML that others wrote, in time linear in its length.

`html.parser` of Python 3.12 takes quadratic time on unfinished tags: minutes for 32 kB, and anyone may write them.
"""

import re
from collections.abc import Iterator, Mapping
from html import unescape
from types import MappingProxyType
from typing import NamedTuple

_MAX_TAG = 8192
"""Most characters of a tag; what looks like a longer one is text."""
_TAG = re.compile(r"""<(/?)([a-zA-Z][a-zA-Z0-9-]*+)((?:[^<>"']++|"[^"]*+"|'[^']*+')*+)>""")
_ATTRIBUTE = re.compile(r"""([a-zA-Z@:_][\w:.-]*+)\s*+(?:=\s*+("[^"]*+"|'[^']*+'|[^\s"'>]++))?+""")
_RAW = {name: re.compile(f"</{name}", re.IGNORECASE) for name in ("script", "style", "textarea", "title")}
"""Elements whose contents have no tags."""


class Piece(NamedTuple):
    """Start or end of an element, or text."""

    name: str = ""
    """Name of the element in lower case, empty for text."""
    attributes: Mapping[str, str] = MappingProxyType({})
    """By name in lower case; of the first one if an attribute is repeated."""
    text: str = ""
    """Text, or the contents of a script, style, title or textarea."""
    is_end: bool = False


def pieces(markup: str) -> Iterator[Piece]:
    """Yield elements and texts in their order; comments and declarations are left out."""
    at = 0
    while at < len(markup):
        start = markup.find("<", at)
        if start != at:
            yield Piece(text=_plain(markup[at : start if start >= 0 else None]))
        if start < 0:
            return
        if markup.startswith(("<!", "<?"), start):
            at = _after(markup, "-->" if markup.startswith("<!--", start) else ">", start)
        elif tag := _TAG.match(markup, start, start + _MAX_TAG):
            piece, at = _element(markup, tag)
            yield piece
        else:
            yield Piece(text="<")
            at = start + 1


def _element(markup: str, tag: re.Match[str]) -> tuple[Piece, int]:
    """Return an element with its contents, if these are raw, and the index after them."""
    name, at = tag[2].lower(), tag.end()
    if tag[1]:
        return Piece(name, is_end=True), at
    attributes: dict[str, str] = {}
    for attribute in _ATTRIBUTE.finditer(tag[3]):
        value = attribute[2] or ""
        attributes.setdefault(attribute[1].lower(), _plain(value[1:-1] if value.startswith(('"', "'")) else value))
    if name not in _RAW:
        return Piece(name, attributes), at
    end = _RAW[name].search(markup, at)
    contents = markup[at : end.start() if end else None]
    text = contents if name in {"script", "style"} else _plain(contents)
    return Piece(name, attributes, text), at + len(contents)


def _after(markup: str, ending: str, start: int) -> int:
    """Return the index after an ending, the end of the markup if there is none."""
    found = markup.find(ending, start)
    return found + len(ending) if found >= 0 else len(markup)


def _plain(text: str) -> str:
    """Return text with its character references resolved."""
    try:
        return unescape(text)
    except ValueError:  # a number of thousands of digits
        return text
