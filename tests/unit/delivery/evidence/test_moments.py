"""Times, stretches and probabilities as a person reads them."""

import pytest

from streams.delivery.evidence.moments import Clock, position, probability, stretch
from streams.errors import UsageError
from tests.unit.delivery.evidence.made_history import span
from tests.unit.made_messages import NOW


def test_a_time_is_local_and_utc() -> None:
    assert Clock("Asia/Seoul").lines(NOW) == ("2026-03-01 21:30:15 +09:00", "2026-03-01 12:30:15 UTC")
    assert Clock("America/St_Johns").line(NOW) == "2026-03-01 09:00:15 -03:30 = 2026-03-01 12:30:15 UTC"
    assert Clock("UTC").lines(NOW) == ("2026-03-01 12:30:15 UTC",)


@pytest.mark.parametrize("zone", ["Asia/Nowhere", "../../etc/passwd", "\0"])
def test_a_zone_that_does_not_exist_is_refused(zone: str) -> None:
    with pytest.raises(UsageError, match="no time zone"):
        Clock(zone)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (59.99, "0:59"), (75, "1:15"), (3600, "1:00:00"), (7325.5, "2:02:05"), (-1, "0:00")],
)
def test_a_position_is_minutes_and_seconds(seconds: float, text: str) -> None:
    assert position(seconds) == text


def test_a_stretch_shorter_than_a_second_is_a_position() -> None:
    assert stretch(span(12.2, 31)) == "0:12\N{EN DASH}0:31"
    assert stretch(span(3.1, 3.2)) == "0:03"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.9999999, "0.999"), (1.0, "0.999"), (0.987654, "0.987"), (0.95, "0.950"), (0.0, "0.000"), (-1, "0.000")],
)
def test_a_probability_is_never_rounded_to_certainty(value: float, text: str) -> None:
    assert probability(value) == text
