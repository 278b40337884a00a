"""Blocks of a document, which are written as HTML and as PDF alike."""

import unicodedata
from typing import NamedTuple

from streams.links.urls import parts_of

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode's categories of characters that cannot be seen, some of which turn the direction of the text."""


class Heading(NamedTuple):
    """Heading of level 1 to 4."""

    text: str
    level: int = 2
    anchor: str = ""
    note: str = ""
    """Shown beside it, such as a state."""


class Paragraph(NamedTuple):
    """Text, or a notice in a frame."""

    text: str
    framed: bool = False


class Link(NamedTuple):
    """Place in the pack, or an address of the web."""

    text: str
    target: str


Value = str | Link


type Rows = list[tuple[str, tuple[Value, ...]]]
"""Labels and their values; a value of several lines is a tuple."""


class Fields(NamedTuple):
    """Labels and their values, one row each."""

    rows: Rows


class Table(NamedTuple):
    """Rows under column heads; `widths` are shares of the line."""

    heads: tuple[str, ...]
    rows: list[tuple[Value, ...]]
    widths: tuple[int, ...]


class Quote(NamedTuple):
    """Text as it was sent, line by line."""

    text: str


class Pictures(NamedTuple):
    """Thumbnails: SHA-256 and caption."""

    pictures: list[tuple[str, str]]


class NewPage(NamedTuple):
    """Start of a new page of paper."""


Block = Heading | Paragraph | Fields | Table | Quote | Pictures | NewPage


def visible(text: str, *, lines: bool = False) -> str:
    """Return the text with characters that cannot be seen as [U+…], so that no name or address looks like another.

    Parameters
    ----------
    lines
        Keep line ends.
    """
    return "".join(_visible(character, lines=lines) for character in text)


def _visible(character: str, *, lines: bool) -> str:
    if character == "\n" and lines:
        return character
    return code_point(character) if unicodedata.category(character) in _HIDDEN else character


def code_point(character: str) -> str:
    """Return a character as [U+202E]."""
    return f"[U+{ord(character):04X}]"


def address(url: str) -> Value:
    """Return an address as a link if it is one of the web: any other scheme could run in the reader's browser."""
    return Link(url, url) if parts_of(url).scheme in {"http", "https"} else url
