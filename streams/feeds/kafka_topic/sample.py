"""What a mapping makes of sample records: nothing is read from a Kafka, and nothing is written."""

from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec

from schemas.messages import Post
from streams.feeds.guard import guarded
from streams.feeds.json_text import read_json
from streams.feeds.kafka_topic.mapping import TopicMapping
from streams.feeds.kafka_topic.offsets import FEED
from streams.feeds.notes import Notes

_KINDS = ("post", "removal", "ignored", "dead letter")


def mapped_lines(mapping: TopicMapping, records: Iterable[bytes]) -> Iterator[str]:
    """Yield a line for each record, and the counts.

    Parameters
    ----------
    records
        Documents as JSON, one a line, also of a source in Avro. Empty lines are passed over.

    Yields
    ------
    str
        The line's number, and the post or removal as JSON, that no mapping matches, or why it would be a dead letter.
    """
    counts: Counter[str] = Counter()
    for number, raw in enumerate(records, 1):
        for kind, shown in _mapped(mapping, raw.strip()) if raw.strip() else ():
            counts[kind] += 1
            yield f"{number}: {kind}{f' {shown}' if shown else ''}"
    yield ", ".join(f"{kind}: {counts[kind]}" for kind in _KINDS)


def _mapped(mapping: TopicMapping, raw: bytes) -> list[tuple[str, str]]:
    def read() -> list[tuple[str, str]]:
        notes = Notes()
        made = mapping.to_record(read_json(raw, notes), raw, notes)
        if made is None:
            return [("ignored", "")]
        kind = "post" if isinstance(made, Post) else "removal"
        beside = [("dead letter", f"{reason}: {'; '.join(found)}") for reason, found in notes.unread.items()]
        return [(kind, msgspec.json.encode(made).decode()), *beside]

    return guarded(FEED, read, lambda refusal: [("dead letter", f"feed_record_unmappable: {refusal.detail}")])
