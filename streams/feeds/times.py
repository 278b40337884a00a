"""Times that platforms give: within 1970 to 2100, else the time when the post was seen."""

from datetime import UTC, datetime

from streams.feeds.notes import Notes

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)


def plausible(time: datetime) -> datetime | None:
    """Return a time in UTC, None if it is outside 1970 to 2100; a time without a zone is in UTC already."""
    try:
        found = time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except OverflowError:  # before year 1 or after 9999 in UTC
        return None
    return found if EARLIEST <= found < LATEST else None


def from_text(text: object) -> datetime | None:
    """Return the time in an ISO 8601 text, None if it is none or outside 1970 to 2100."""
    try:
        return plausible(datetime.fromisoformat(text)) if isinstance(text, str) else None
    except ValueError:
        return None


def from_epoch(number: object, per_second: int) -> datetime | None:
    """Return the time of a number since the epoch, None if it is none or outside 1970 to 2100."""
    if isinstance(number, bool) or not isinstance(number, int | float):
        return None
    in_range = 0 <= number < LATEST.timestamp() * per_second  # not for NaN; compared as it is, because it may be huge
    return datetime.fromtimestamp(number / per_second, UTC) if in_range else None


def seen(time: datetime | None, seen_at: datetime, notes: Notes, field: str) -> datetime:
    """Return a time of this field, or else the time when the post was seen, with a note."""
    if time is not None:
        return time
    notes.add(f"{field}: no time from 1970 to 2100, as seen")
    return seen_at
