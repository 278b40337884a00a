"""Times, stretches of recordings and probabilities in figures that a person reads."""

from datetime import UTC, datetime, timedelta, tzinfo
from math import floor
from zoneinfo import ZoneInfo

from schemas.messages import Interval
from streams.errors import UsageError


class Clock:
    """Times in a local zone and in UTC.

    Parameters
    ----------
    zone
        Such as Asia/Seoul; the machine's own if empty.

    Raises
    ------
    UsageError
        There is no such zone.
    """

    def __init__(self, zone: str = "") -> None:
        try:
            self._zone: tzinfo | None = ZoneInfo(zone) if zone else None
        except (OSError, ValueError, KeyError) as error:
            raise UsageError(f"no time zone {zone}: name one such as Asia/Seoul") from error
        self._name = zone

    def name(self, at: datetime) -> str:
        """Return the zone's name, or the one that it has at a time."""
        return self._name or at.astimezone(self._zone).tzname() or "UTC"

    def lines(self, at: datetime) -> tuple[str, ...]:
        """Return a time in the local zone and in UTC, one line each; one line where they are the same."""
        local, utc = at.astimezone(self._zone), at.astimezone(UTC)
        in_utc = f"{utc:%Y-%m-%d %H:%M:%S} UTC"
        if not local.utcoffset():
            return (in_utc,)
        return (f"{local:%Y-%m-%d %H:%M:%S} {local:%:z}", in_utc)

    def line(self, at: datetime) -> str:
        """Return a time in the local zone and in UTC on one line."""
        return " = ".join(self.lines(at))


def position(seconds: float) -> str:
    """Return a position as m:ss, or h:mm:ss."""
    whole = timedelta(seconds=max(0, floor(seconds)))
    minutes, rest = divmod(int(whole.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def stretch(interval: Interval) -> str:
    """Return an interval such as 0:12 to 0:31, as one position where it is shorter than a second."""
    start, end = position(interval.start_s), position(interval.end_s)
    return start if start == end else f"{start}–{end}"  # noqa: RUF001 - the dash of ranges


def probability(value: float) -> str:
    """Return a probability, rounded down to three digits: nothing is certain."""
    return f"{floor(min(max(value, 0.0), 0.999) * 1000 + 1e-9) / 1000:.3f}"
