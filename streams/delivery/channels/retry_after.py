"""Wait that an answer requests: Retry-After, and the rate-limit headers of Bluesky and Mastodon."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MAX_S = 86_400.0
"""Longest wait, seconds: a platform cannot end a takedown by a date in the far future."""


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds to wait from now, 0 to a day; None if the answer requests no wait, or in no known form."""
    asked = _wait_s(headers.get("retry-after", ""), now)
    if asked is None:
        asked = _until_s(headers, now)
    return None if asked is None else min(max(asked, 0.0), MAX_S)


def _wait_s(value: str, now: datetime) -> float | None:
    value = value.strip()
    if value.isascii() and value.isdecimal():
        return float(value[:12])
    try:
        until = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return (_utc(until) - now).total_seconds()


def _until_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds until the rate limit's window ends, if it is used up."""
    epoch_s, at = headers.get("ratelimit-reset", ""), headers.get("x-ratelimit-reset", "")
    if headers.get("ratelimit-remaining") == "0" and epoch_s.isascii() and epoch_s.isdecimal():
        return float(epoch_s[:12]) - now.timestamp()
    if headers.get("x-ratelimit-remaining") == "0" and at:
        try:
            return (_utc(datetime.fromisoformat(at)) - now).total_seconds()
        except (ValueError, OverflowError):
            return None
    return None


def _utc(at: datetime) -> datetime:
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
