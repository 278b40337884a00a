"""Times as the desk shows them."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from streams.settings import Settings


class LocalTime:
    """Times in the zone of the settings, or of the machine."""

    def __init__(self, settings: Settings) -> None:
        self._zone = ZoneInfo(settings.time_zone) if settings.time_zone else None

    def minute(self, at: datetime) -> str:
        """Return date, time and zone."""
        return f"{at.astimezone(self._zone):%Y-%m-%d %H:%M %Z}"

    def second(self, at: datetime) -> str:
        """Return date, time and zone, with seconds."""
        return f"{at.astimezone(self._zone):%Y-%m-%d %H:%M:%S %Z}"


def span(length: timedelta) -> str:
    """Return a length of time in the largest unit that fits, as 35 min, 7 h or 3 d."""
    minutes = max(1.0, length.total_seconds() / 60)
    if minutes < 120:  # noqa: PLR2004 - two hours
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.0f} h" if minutes < 48 * 60 else f"{minutes / 60 / 24:.0f} d"
