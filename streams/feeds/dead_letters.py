"""Dead letters of feeds: malformed entries, and gaps in a platform's stream."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from schemas.ids import record_id
from schemas.messages import DeadLetter
from streams.feeds.guard import Refusal
from streams.feeds.notes import Notes
from streams.secrets.redaction import masked

_MAX_DETAIL = 1_000
"""Characters; an error may repeat the whole entry."""
_MAX_VALUE_BYTES = 10 * 1024 * 1024
"""Largest part of a record's value, and of its key, that a dead letter has room for."""
_MAX_KEY_BYTES = 64 * 1024


def entry_dead_letter(raw: bytes, *, feed: str, source: str, line: int, refusal: Refusal) -> DeadLetter:
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
    source = source.encode(errors="backslashreplace").decode()  # the name of a file need not be UTF-8
    where = f"{source} line {line}" if line else source
    # By content too: a file that is corrected and fed again must not overwrite the earlier dead letter.
    letter_id = record_id("feed-dead-letter", feed, source, line, raw.hex())
    bug = {"fate": "bug", "traceback": refusal.traceback} if refusal.traceback else {}
    reason = "bug" if bug else "feed_entry_malformed"
    return feed_dead_letter(letter_id, feed, reason, f"{where}: {refusal.detail}", offset=line, value=raw, **bug)


def unread_dead_letters(
    notes: Notes, post_id: str, raw: bytes, *, feed: str, origin: Mapping[str, Any] | None = None
) -> list[DeadLetter]:
    """Return the dead letters beside a post, one for each reason: of parts that may hold media and cannot be read.

    Parameters
    ----------
    post_id
        Of the post, also in the detail.
    raw
        The original bytes of the whole entry.
    origin
        Further fields of the dead letters.
    """
    return [
        feed_dead_letter(
            record_id("feed-unread", feed, post_id, reason, details),
            feed,
            reason,
            f"beside post {post_id}: {'; '.join(details)}",
            **{"value": raw} | dict(origin or {}),
        )
        for reason, details in notes.unread.items()
    ]


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
    given: dict[str, Any] = {"topic": f"feed-{feed}", "partition": 0, "offset": 0, "fate": "unprocessable"} | fields
    for name, size in (("key", _MAX_KEY_BYTES), ("value", _MAX_VALUE_BYTES)):
        if given.get(name) is not None:
            given[name] = given[name][:size]
    return DeadLetter(
        dead_letter_id=letter_id,
        stage=f"feed-{feed}",
        reason=reason,
        detail=masked(detail).encode(errors="replace").decode()[:_MAX_DETAIL],
        at=datetime.now(UTC),
        **given,
    )
