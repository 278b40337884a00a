import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from streams.delivery.channels.channel import Answer
from streams.delivery.channels.limits import Gate

TAKEN, FAILED, REFUSED = Answer("acknowledged"), Answer("failed"), Answer("refused")


def opened(gate: Gate, now: float = 0.0) -> Gate:
    for _ in range(3):
        assert gate.wait_s(now) == 0
        gate.record(FAILED, now)
    return gate


def test_a_minute_s_worth_passes_at_once_and_then_one_for_each_part_of_a_minute() -> None:
    gate = Gate(per_minute=30)
    assert [gate.wait_s(0) for _ in range(30)] == [0] * 30
    assert gate.wait_s(0) == pytest.approx(2)
    assert gate.wait_s(2) == 0
    assert gate.wait_s(2) == pytest.approx(2)


def test_a_rate_below_one_a_minute_is_a_rate_too() -> None:
    gate = Gate(per_minute=0.5)
    assert gate.wait_s(0) == 0
    assert gate.wait_s(0) == pytest.approx(120)
    assert gate.wait_s(120) == 0


def test_failures_in_a_row_open_the_breaker_and_an_answer_between_them_does_not() -> None:
    gate = Gate(600, failures=3)
    for answer in (FAILED, FAILED, REFUSED, FAILED, FAILED):
        assert gate.wait_s(0) == 0
        gate.record(answer, 0)
    was_open = gate.is_open
    gate.record(FAILED, 0)
    assert (was_open, gate.is_open) == (False, True)
    assert gate.wait_s(0) == pytest.approx(30)


def test_one_probe_passes_after_the_pause_and_closes_the_breaker() -> None:
    gate = opened(Gate(600, failures=3))
    assert gate.wait_s(29) == pytest.approx(1)
    assert gate.wait_s(30) == 0
    assert gate.wait_s(30) > 0, "the probe is under way"
    gate.record(TAKEN, 31)
    assert not gate.is_open
    assert gate.wait_s(31) == 0


def test_a_probe_that_fails_doubles_the_pause_up_to_an_hour() -> None:
    gate, now, pauses = opened(Gate(600, failures=3)), 0.0, []
    for _ in range(10):
        now += (pause := gate.wait_s(now))
        pauses.append(pause)
        assert gate.wait_s(now) == 0
        gate.record(FAILED, now)
    assert pauses == pytest.approx([30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600])


def test_attempts_from_before_the_breaker_opened_do_not_lengthen_its_pause() -> None:
    gate = Gate(600, failures=3)
    assert [gate.wait_s(0) for _ in range(16)] == [0] * 16
    for _ in range(16):
        gate.record(FAILED, 0)
    assert gate.wait_s(0) == pytest.approx(30)


def test_a_probe_whose_answer_never_comes_is_given_up() -> None:
    gate = opened(Gate(600, failures=3))
    assert gate.wait_s(30) == 0
    assert gate.wait_s(59) > 0
    assert gate.wait_s(60) == 0


def test_the_wait_that_a_platform_asks_for_is_kept() -> None:
    gate = Gate(600)
    gate.record(Answer("failed", retry_after_s=120), 0)
    assert not gate.is_open
    assert gate.wait_s(20) == pytest.approx(100)
    gate.record(TAKEN, 20)
    assert gate.wait_s(20) == pytest.approx(100), "an earlier attempt's success does not shorten it"
    assert gate.wait_s(120) == 0


def test_pauses_have_jitter() -> None:
    assert opened(Gate(600, failures=3, jitter=lambda: 1.5)).wait_s(0) == pytest.approx(45)


@given(st.lists(st.tuples(st.floats(0, 100), st.sampled_from([TAKEN, FAILED, REFUSED])), max_size=60))
@hypothesis_settings(max_examples=50, deadline=None)
def test_whatever_happens_the_rate_is_kept_and_no_wait_is_endless(steps: list[tuple[float, Answer]]) -> None:
    gate, now, admitted = Gate(10, failures=3), 0.0, []
    for pause, answer in steps:
        now += pause
        wait = gate.wait_s(now)
        assert 0 <= wait <= 3_600
        if wait == 0:
            admitted.append(now)
            gate.record(answer, now)
    for start in admitted:
        assert sum(start <= at < start + 60 for at in admitted) <= 20
    assert gate.wait_s(now + 3_600) == 0
