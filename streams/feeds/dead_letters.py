"""Dead letters of feeds: malformed entries, and gaps in a platform's stream."""

from datetime import UTC, datetime

from schemas.ids import record_id
from schemas.messages import DeadLetter


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
    return DeadLetter(
        # By content too: a file that is corrected and fed again must not overwrite the earlier dead letter.
        dead_letter_id=record_id("feed-dead-letter", feed, source, line, raw.hex()),
        stage=f"feed-{feed}",
        topic=f"feed-{feed}",
        partition=0,
        offset=line,
        reason="feed_entry_malformed",
        fate="unprocessable",
        detail=f"{where}: {detail}",
        value=raw,
        at=datetime.now(UTC),
    )


def gap_dead_letter(*identity: object, feed: str, detail: str) -> DeadLetter:
    """Return the dead letter of events that can no longer be fetched: people must notice the incomplete coverage.

    Parameters
    ----------
    identity
        Server and bounds of the gap; the id depends on them.
    feed
        Slug of the feed.
    """
    return DeadLetter(
        dead_letter_id=record_id("feed-gap", feed, *identity),
        stage=f"feed-{feed}",
        topic=f"feed-{feed}",
        partition=0,
        offset=0,
        reason="feed_gap",
        fate="unprocessable",
        detail=detail,
        at=datetime.now(UTC),
    )
