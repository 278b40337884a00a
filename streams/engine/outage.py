"""An outage of the broker or the schema registry, for one caller: a series of failed attempts."""

import time
from collections.abc import Awaitable, Callable

import stamina
from confluent_kafka import KafkaException

from streams.errors import ServiceError


class OutageError(Exception):
    """The broker or the registry did not answer for as long as a worker waits for it: the worker must stop."""


class Outage:
    """Decide whether work that the broker or the registry failed is tried again.

    The patience counts from the first failure of a series, not from the start of the work: a search of hours meets an
    outage with the same patience as a short one.

    Parameters
    ----------
    patience_s
        Longest series of failures; longer than any single query waits. After more than this without a failure the
        next one begins a new series, because queries in between were answered.
    """

    def __init__(self, patience_s: float, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._patience_s = patience_s
        self._clock_s = clock_s
        self._first_s = self._last_s = float("-inf")

    def may_retry(self, error: Exception) -> bool:
        """Return whether to try again after this error: a service is its cause, and the series is not too long."""
        if not isinstance(error, KafkaException | ServiceError):
            return False
        now_s = self._clock_s()
        if now_s - self._last_s > self._patience_s:
            self._first_s = now_s
        self._last_s = now_s
        return now_s - self._first_s < self._patience_s


async def retry_while_unreachable[T](step: Callable[[], Awaitable[T]], patience_s: float) -> T:
    """Return the result of a step, run again while the broker or the registry does not answer it.

    Raises
    ------
    OutageError
        It has not answered for `patience_s`.
    """
    outage = Outage(patience_s)
    try:
        async for attempt in stamina.retry_context(outage.may_retry, attempts=None, timeout=None, wait_max=2.0):
            with attempt:
                return await step()
    except (KafkaException, ServiceError) as error:
        raise OutageError(f"no answer for {patience_s:g} s: {error}") from error
    raise AssertionError
