"""Posts of a notice: where each is, since when, and what in it matches the references."""

from collections.abc import Iterator

from schemas.messages import Notice, NoticeItem, NoticeMatch
from streams.delivery.notices.catalogue import Catalogue
from streams.delivery.notices.parts import Block, Row, time_text

_TEXT_OF_POST = -1


def post_blocks(notice: Notice, texts: Catalogue) -> Iterator[Block]:
    """Yield a block for each post, and one for the copies of it that are known."""
    for number, item in enumerate(notice.items, 1):
        heading = texts.text("item.post", number=number) if len(notice.items) > 1 else ""
        yield Block(heading, list(_post(notice, item, texts)))
    if notice.known_copies:
        copies = [Row(str(number), url, link=True) for number, url in enumerate(notice.known_copies, 1)]
        yield Block(texts.text("item.copies"), copies)


def _post(notice: Notice, item: NoticeItem, texts: Catalogue) -> Iterator[Row]:
    yield Row(texts.text("item.url"), item.url, link=True)
    for name, native_id in item.native_ids.items():
        yield Row(name, native_id)
    if item.author:
        yield Row(texts.text("item.account"), item.author)
    yield Row(texts.text("item.types"), ", ".join(texts.text(f"type.{name}") for name in item.content_types))
    yield Row(texts.text("item.published"), time_text(item.published_at))
    yield Row(texts.text("item.seen"), time_text(item.first_seen))
    yield Row(texts.text("item.detected"), time_text(item.detected_at))
    for match in item.matches:
        yield Row(texts.text("item.match"), _match(match, texts))
    key = "item.probability_text_personal" if notice.kind == "personal_data" else "item.probability_text"
    shares = {"probability": _share(item.probability), "act_at": _share(item.act_at)}
    yield Row(texts.text("item.probability"), texts.text(key, **shares))


def _match(match: NoticeMatch, texts: Catalogue) -> str:
    values = {
        "modality": texts.text(f"modality.{match.modality}"),
        "medium": match.medium + 1,
        "start": _clock(match.query.start_s),
        "end": _clock(match.query.end_s),
        "reference": match.reference_id[:8],
        "reference_start": _clock(match.reference.start_s),
        "reference_end": _clock(match.reference.end_s),
        "probability": _share(match.probability),
    }
    key = "item.match_medium" if match.query.end_s else "item.match_still"
    return texts.text("item.match_text" if match.medium == _TEXT_OF_POST else key, **values)


def _clock(seconds: float) -> str:
    """Return minutes, seconds and tenths, as 61:05.5."""
    tenths = round(seconds * 10)
    return f"{tenths // 600}:{tenths % 600 / 10:04.1f}"


def _share(probability: float) -> str:
    """Return a probability rounded down, so that none but certainty is 1."""
    return f"{int(probability * 10_000) / 10_000:.4f}"
