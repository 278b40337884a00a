"""Time in which a law, or custom, expects the removal after a notice."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from schemas.messages import Law

CLOCKS: Mapping[Law, timedelta] = {
    "KR_TBA22_5": timedelta(hours=24),
    "US_TIDA": timedelta(hours=48),
    "UK_OSA": timedelta(hours=48),
    "EU_DSA16": timedelta(hours=48),  # "without undue delay": what the other laws call quick
    "PLATFORM_TOS": timedelta(days=7),
}
"""Korea: 24 h on the regulator's request (Telecommunications Business Act, art. 22-5). US: TAKE IT DOWN Act, sec.
3(a)(3). UK: Ofcom's codes of 2026. EU: DSA art. 16(6) names no time, and neither do the terms of platforms."""


def due_at(laws: Iterable[Law], sent_at: datetime) -> datetime:
    """Return the earliest time by which one of these laws expects the removal after a notice sent then."""
    return sent_at + min(CLOCKS[law] for law in laws)
