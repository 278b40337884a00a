"""Documents of a pack as HTML, written piece by piece."""

from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files

import jinja2

from streams.delivery.evidence import blocks
from streams.delivery.evidence.blocks import Block, visible

_BATCH = 100
"""Pieces of a template in one write."""


def html(title: str, language: str, content: Iterable[Block], *, up: str = "", back: str = "") -> Iterator[bytes]:
    """Yield an HTML page, without a script and without a resource from elsewhere.

    Parameters
    ----------
    up
        Path from the page to the pack's folder, such as ../.
    back
        Text of the link to the overview; none if empty.
    """
    page = _template().stream(title=title, language=language, content=content, up=up, back=back, kind=_kind)
    page.enable_buffering(_BATCH)
    yield from (piece.encode() for piece in page)


@cache
def _template() -> jinja2.Template:
    loader = jinja2.FunctionLoader(lambda name: files(__package__).joinpath("templates", name).read_text("utf-8"))
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["visible"] = visible
    environment.filters["parts"] = lambda value: value.split("\n") if isinstance(value, str) else [value]
    environment.tests["link"] = lambda value: isinstance(value, blocks.Link)
    return environment.get_template("page.html.j2")


def _kind(block: Block) -> str:
    return type(block).__name__
