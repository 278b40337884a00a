"""Dead letters of feeds: malformed entries, and gaps in a platform's stream."""

from datetime import UTC, datetime
from typing import Any

from schemas.ids import record_id
from schemas.messages import DeadLetter
from streams.secrets.redaction import masked


def entry_dead_letter(raw: bytes, *, feed: str, source: str, line: int, detail: str) -> DeadLetter:
    """Return the dead letter of an entry that cannot be parsed as a post.

    Parameters
    ----------
    raw
        The original bytes.
    feed
        Slug of the feed.
    source
        File it was read from.
    line
        Counted from 1, 0 for the whole file; stored as the offset.
    """
    where = f"{source} line {line}" if line else source
    # By content too: a file that is corrected and fed again must not overwrite the earlier dead letter.
    letter_id = record_id("feed-dead-letter", feed, source, line, raw.hex())
    return feed_dead_letter(letter_id, feed, "feed_entry_malformed", f"{where}: {detail}", offset=line, value=raw)


def gap_dead_letter(*identity: object, feed: str, detail: str) -> DeadLetter:
    """Return the dead letter of events that can no longer be fetched: people must notice the incomplete coverage.

    Parameters
    ----------
    identity
        Server and bounds of the gap; the id depends on them.
    feed
        Slug of the feed.
    """
    return feed_dead_letter(record_id("feed-gap", feed, *identity), feed, "feed_gap", detail)


def feed_dead_letter(letter_id: str, feed: str, reason: str, detail: str, **fields: Any) -> DeadLetter:  # noqa: ANN401 - fields of a dead letter
    """Return a dead letter of a feed; without other fields of a record, it has those of the feed itself."""
    origin: dict[str, Any] = {"topic": f"feed-{feed}", "partition": 0, "offset": 0} | fields
    return DeadLetter(
        dead_letter_id=letter_id,
        stage=f"feed-{feed}",
        reason=reason,
        fate="unprocessable",
        detail=masked(detail),
        at=datetime.now(UTC),
        **origin,
    )
