"""Parts of a notice's page, and how times are written in it."""

from datetime import UTC, datetime
from typing import NamedTuple


class Row(NamedTuple):
    """A label and its value."""

    label: str
    value: str
    provisions: tuple[str, ...] = ()
    link: bool = False
    """Whether the value is a URL to follow."""


class Block(NamedTuple):
    """Rows under a heading, which may be empty."""

    heading: str
    rows: list[Row]


class Section(NamedTuple):
    """A numbered section."""

    heading: str
    provisions: tuple[str, ...] = ()
    paragraphs: tuple[str, ...] = ()
    blocks: tuple[Block, ...] = ()


class Page(NamedTuple):
    """A notice, ready for a template."""

    language: str
    subject: str
    title: str
    head: list[Row]
    sections: list[Section]
    foot: list[str]


def time_text(at: datetime) -> str:
    """Return a time to the minute, in UTC, the same in all languages."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
