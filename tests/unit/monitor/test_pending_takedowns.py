"""Pending takedowns of the monitor, without a broker."""

import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import REGISTRY

from schemas.codec import Codec
from schemas.messages import State
from streams.monitor.pending_takedowns import PendingTakedowns
from streams.settings import load_settings
from tests.unit.made_messages import takedown

_CODEC, _NOW = Codec(), datetime(2026, 3, 1, tzinfo=UTC)
_HOUR = timedelta(hours=1)


@pytest.fixture
def pending() -> Iterator[PendingTakedowns]:
    with closing(PendingTakedowns(load_settings(bootstrap_servers="127.0.0.1:9"))) as made:
        yield made


def apply(pending: PendingTakedowns, takedown_id: str, state: State, age: timedelta) -> None:
    event = takedown(takedown_id=takedown_id, state=state, at=_NOW - age)
    pending.apply(takedown_id.encode(), _CODEC.encode("takedowns", event))


def values(pending: PendingTakedowns) -> tuple[dict[str, float | None], list[float | None]]:
    """Return the numbers by state and the overdue ones by clock, without zeros."""
    pending.set_metrics(_NOW.timestamp())
    states = ("issued", "sent", "reappeared", "held", "removed")
    numbers = {state: REGISTRY.get_sample_value("jikimi_takedowns_pending", {"state": state}) for state in states}
    overdue = [REGISTRY.get_sample_value("jikimi_takedowns_overdue", {"clock": clock}) for clock in ("24h", "48h")]
    return {state: number for state, number in numbers.items() if number}, overdue


def test_a_takedown_ages_from_the_first_of_its_pending_states(pending: PendingTakedowns) -> None:
    apply(pending, "t1", "issued", 30 * _HOUR)
    apply(pending, "t1", "sent", 1 * _HOUR)
    apply(pending, "t2", "held", 50 * _HOUR)
    assert values(pending) == ({"sent": 1, "held": 1}, [2, 1])
    age_s = REGISTRY.get_sample_value("jikimi_takedown_age_seconds", {"state": "sent"})
    assert age_s == pytest.approx(30 * 3600)


def test_one_that_ends_and_comes_back_ages_anew(pending: PendingTakedowns) -> None:
    apply(pending, "t1", "issued", 90 * _HOUR)
    apply(pending, "t1", "removed", 60 * _HOUR)
    assert values(pending) == ({}, [0, 0])
    apply(pending, "t1", "reappeared", 30 * _HOUR)
    assert values(pending) == ({"reappeared": 1}, [1, 0])


def test_nothing_is_left_when_the_topic_is_read_again(pending: PendingTakedowns) -> None:
    apply(pending, "t1", "issued", 90 * _HOUR)
    pending.clear()
    assert values(pending) == ({}, [0, 0])


def test_what_cannot_be_decoded_is_skipped(pending: PendingTakedowns) -> None:
    pending.apply(b"t1", b"garbage")
    assert values(pending) == ({}, [0, 0])


def test_pending_takedowns_are_not_held_as_objects(pending: PendingTakedowns) -> None:
    apply(pending, "first", "issued", _HOUR)
    tracemalloc.start()
    for number in range(2_000):
        apply(pending, f"t{number}", "issued", _HOUR)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 2_000 * 20  # bytes; a dictionary of them took some 300 each
    assert values(pending)[0] == {"issued": 2_001}
