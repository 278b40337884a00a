"""Short form of a notice, for forms and APIs that take few characters."""

from collections.abc import Iterator

from schemas.messages import Notice
from streams.delivery.notices.catalogue import Catalogue, catalogue
from streams.delivery.notices.page import SEPARATOR, law_name
from streams.delivery.notices.parts import time_text

LEAST_LIMIT = 300
"""Least limit, characters: a shorter notice could not name laws, posts and filer."""
_CUT = "…"


def short_text(notice: Notice, limit: int) -> str:
    """Return as much of a notice as a limit of characters allows, the most important first.

    Laws, id and the first URL are always in it. A URL that is longer than the room left is cut and marked: its author
    chooses it, and channels with such a limit name the post by its native id beside the text.

    Raises
    ------
    ValueError
        The limit is below 300 characters.
    """
    if limit < LEAST_LIMIT:
        raise ValueError(f"a notice needs {LEAST_LIMIT} characters, not {limit}")
    texts = catalogue(notice.language)
    lines = _required(notice, texts, limit)
    for line in _further(notice, texts):
        if sum(map(len, lines)) + len(lines) + len(line) <= limit:
            lines.append(line)
    return "\n".join(lines)


def _required(notice: Notice, texts: Catalogue, limit: int) -> list[str]:
    laws = SEPARATOR.join(law_name(texts, law, notice, "law_short") for law in notice.laws)
    head = f"{texts.text(f'kind.{notice.kind}')} ({laws})"
    id_line = texts.text("short.notice", notice_id=notice.notice_id)
    item_line = texts.text("short.item", url="")
    room = limit - len(head) - len(id_line) - len(item_line) - 2
    url = notice.items[0].url
    return [head, f"{item_line}{url if len(url) <= room else url[: room - 1] + _CUT}", id_line]


def _further(notice: Notice, texts: Catalogue) -> Iterator[str]:
    """Yield what follows, in order of importance; a line that does not fit is left out."""
    if len(notice.items) > 1:
        yield texts.text("short.more", count=len(notice.items) - 1)
    yield notice.good_faith
    if notice.filer.body:
        contact = (notice.filer.body, notice.filer.email, notice.filer.phone)
        yield texts.text("short.filer", filer=", ".join(filter(None, contact)))
        yield texts.text("signature.text", name=notice.signed_by, at=time_text(notice.signed_at))
    yield notice.reasons
    yield notice.accuracy
    if notice.due_at is not None:
        yield texts.text("short.due", due=time_text(notice.due_at))
    yield from (texts.text("short.item", url=item.url) for item in notice.items[1:])
