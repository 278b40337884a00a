"""Notice as text and HTML, whole or within a form's limit of characters."""

from functools import cache

import jinja2

from schemas.messages import Notice
from streams.delivery.notices.catalogue import TEMPLATES
from streams.delivery.notices.page import page, subject
from streams.delivery.notices.short import short_text

__all__ = ["html", "subject", "text"]


def text(notice: Notice, limit: int | None = None) -> str:
    """Return a notice as plain text in its own language.

    Parameters
    ----------
    limit
        Most characters (Unicode code points, of which a grapheme has one or more). A longer text is replaced by a short
        one, which always has the legal bases, the notice's id and the first post's URL.

    Raises
    ------
    ValueError
        The limit is below 300 characters.
    """
    whole = _templates(autoescape=False).get_template("notice.txt.j2").render(page=page(notice))
    return whole if limit is None or len(whole) <= limit else short_text(notice, limit)


def html(notice: Notice) -> str:
    """Return a notice as an HTML page in its own language, without a resource from elsewhere."""
    return _templates(autoescape=True).get_template("notice.html.j2").render(page=page(notice))


@cache
def _templates(*, autoescape: bool) -> jinja2.Environment:
    loader = jinja2.FunctionLoader(lambda name: TEMPLATES.joinpath(name).read_text("utf-8"))
    return jinja2.Environment(
        loader=loader,
        autoescape=autoescape,  # noqa: S701 - False is for plain text alone
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
