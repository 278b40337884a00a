"""Matches of a segment with entries of lists."""

from models.pdq.hash import BYTES
from schemas.messages import Descriptors, Interval, Match
from streams.exchange.formats.changes import Signal

_BITS = 8 * BYTES
_NO_INTERVAL = Interval(start_s=0.0, end_s=0.0)


def whole_match(query: Descriptors, list_id: str, signal: Signal) -> Match:
    """Return the match of a segment whose file has the MD5 of an entry: all of it."""
    start_s = query.segment.start_s
    whole = Interval(start_s=start_s, end_s=start_s + query.segment.duration_s)
    thumbnail = query.thumbnails[0].jpeg if query.thumbnails else None
    return _match(list_id, signal, 1.0, whole, thumbnail)


def near_match(query: Descriptors, list_id: str, signal: Signal, seen: list[tuple[float, int]]) -> Match:
    """Return the match of a hash: from the first to the last frame near to it, its score the share of equal bits.

    Parameters
    ----------
    seen
        Time and distance in bits of each near frame.
    """
    times = [time_s for time_s, _ in seen]
    best_s, bits = min(seen, key=lambda one: one[1])
    interval = Interval(start_s=min(times), end_s=max(times))
    return _match(list_id, signal, 1.0 - bits / _BITS, interval, query.thumbnail_at(best_s))


def _match(list_id: str, signal: Signal, score: float, interval: Interval, thumbnail: bytes | None) -> Match:
    return Match(
        case_id=list_id,
        reference_id=signal.name,
        score=score,
        query=interval,
        reference=_NO_INTERVAL,
        thumbnail=thumbnail,
    )
