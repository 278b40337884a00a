"""Patience with a broker that does not answer, by a clock that the test moves."""

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace

import pytest
from confluent_kafka import KafkaError, KafkaException
from faust.exceptions import NotReady

from streams.engine.context import Context
from streams.engine.outage import Outage, OutageError, retry_while_unreachable
from streams.errors import BrokerError, UnprocessableError
from streams.settings import load_settings

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


async def test_an_outage_longer_than_the_patience_ends_the_step() -> None:
    async def step() -> None:
        raise BrokerError("gone")

    with pytest.raises(OutageError, match="gone"):
        await retry_while_unreachable(step, 0.0)


class App:
    """What a context uses of its app to run something beside its agents."""

    conf = SimpleNamespace(id="trial")
    _consumer = None
    should_stop = False

    def __init__(self) -> None:
        self.tasks: list[Callable[[], Awaitable[None]]] = []
        self.crashes: list[Exception] = []

    def topic(self, *_: object, **__: object) -> None: ...

    def task(self, work: Callable[[], Awaitable[None]]) -> None:
        self.tasks.append(work)

    async def crash(self, error: Exception) -> None:
        self.crashes.append(error)


@pytest.mark.parametrize(
    ("failures", "crashes"),
    [([_FAILURE, BrokerError("gone")], 0), ([OutageError("gone")], 1), ([ValueError("bug")], 1)],
)
async def test_background_work_starts_again_while_the_broker_is_gone(failures: list[Exception], crashes: int) -> None:
    app, ends = App(), []
    context = Context(app, load_settings())  # type: ignore[arg-type]  # as much as it uses

    async def work() -> None:
        if failures:
            raise failures.pop()
        ends.append(True)

    context.background(work)
    await app.tasks[0]()
    for _ in range(3):
        await asyncio.sleep(0)
    assert (len(app.crashes), len(ends)) == (crashes, 1 - crashes)


async def test_background_work_that_fails_in_a_stop_is_no_crash() -> None:
    app = App()
    context = Context(app, load_settings())  # type: ignore[arg-type]  # as much as it uses

    async def work() -> None:
        app.should_stop = True
        raise NotReady("the producer is closed")

    context.background(work)
    await app.tasks[0]()
    for _ in range(3):
        await asyncio.sleep(0)
    assert app.crashes == []
