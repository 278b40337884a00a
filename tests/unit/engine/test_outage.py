"""Patience with a broker that does not answer, by a clock that the test moves."""

from types import SimpleNamespace

import pytest
from confluent_kafka import KafkaError, KafkaException

from streams.engine.context import Context
from streams.engine.outage import Outage
from streams.errors import BrokerError, UnprocessableError

_PATIENCE_S = 120.0
_FAILURE = KafkaException(KafkaError(KafkaError._TIMED_OUT))


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def retries(failures_s: list[float]) -> list[bool]:
    """Return whether work is tried again after each of the failures, at these times since its start."""
    clock = Clock()
    outage = Outage(_PATIENCE_S, clock)
    answers = []
    for at_s in failures_s:
        clock.now_s = 1000.0 + at_s
        answers.append(outage.may_retry(_FAILURE))
    return answers


def test_an_outage_amid_long_work_is_waited_for_like_any_other() -> None:
    assert retries([3600, 3620, 3700]) == [True, True, True]


def test_an_outage_is_waited_for_no_longer_than_the_patience() -> None:
    assert retries([10, 60, 129, 130]) == [True, True, True, False]


def test_work_that_went_on_between_two_failures_was_answered() -> None:
    assert retries([10, 131, 250, 251]) == [True, True, True, False]


@pytest.mark.parametrize(
    ("error", "retried"),
    [(_FAILURE, True), (BrokerError("gone"), True), (UnprocessableError("x", "y"), False), (ValueError(), False)],
)
def test_only_the_broker_is_waited_for(error: Exception, retried: bool) -> None:
    assert Outage(_PATIENCE_S, Clock()).may_retry(error) is retried


async def test_background_work_is_run_again_until_the_broker_answers() -> None:
    context = SimpleNamespace(settings=SimpleNamespace(delivery_timeout_s=_PATIENCE_S))
    failures = [_FAILURE, BrokerError("gone")]

    async def step() -> int:
        if failures:
            raise failures.pop()
        return 7

    assert await Context.retry_while_unreachable(context, step) == 7  # type: ignore[arg-type]  # as much as it uses
