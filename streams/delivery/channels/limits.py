"""Limits of sending to one platform: its rate of notices, and a circuit breaker while it fails."""

import math
from collections.abc import Callable

from streams.delivery.channels.channel import Answer

_MAX_PAUSE_S = 3_600.0
"""Longest pause of an open breaker; a wait that the platform requests may be a day."""

_ROUNDING_S = 1e-6


class Gate:
    """Token bucket and circuit breaker; a few numbers, whatever is sent.

    The breaker opens after `failures` failures in a row. After its pause it is half open: one attempt, the probe,
    passes, and closes it or opens it again for twice as long.

    Parameters
    ----------
    per_minute
        Notices a minute; at most a minute's worth, and at least one, passes at once.
    failures
        In a row, that open the breaker.
    pause_s
        First pause of the open breaker, seconds; also the time after which an attempt without an answer is given up.
    jitter
        Returns a factor of each pause, from 1 on, so that the breakers of several workers do not probe together.
    """

    def __init__(
        self, per_minute: float, *, failures: int = 5, pause_s: float = 30.0, jitter: Callable[[], float] = lambda: 1.0
    ) -> None:
        self._rate_s = per_minute / 60.0
        self._capacity = max(per_minute, 1.0)
        self._tokens = self._capacity
        self._filled_at = -math.inf
        self._failures = failures
        self._pause_s = pause_s
        self._jitter = jitter
        self._n_failed = 0
        self._n_opened = 0
        self._shut_until = -math.inf
        self._is_probing = False

    @property
    def is_open(self) -> bool:
        """Whether the breaker is open or half open."""
        return self._n_opened > 0

    def wait_s(self, now: float) -> float:
        """Return the seconds to wait before an attempt; 0 admits one, which must be recorded.

        Parameters
        ----------
        now
            Of a clock in seconds; a time before the last one counts as the last one.
        """
        self._fill(now)
        wait = max(self._shut_until - now, (1.0 - self._tokens) / self._rate_s, 0.0)
        if wait > _ROUNDING_S:
            return wait
        self._tokens -= 1.0
        if self.is_open:  # others wait for the probe's answer
            self._shut_until = now + self._pause_s
            self._is_probing = True
        return 0.0

    def record(self, answer: Answer, now: float) -> None:
        """Apply the answer of an attempt; a refused notice is an answer of a working platform."""
        if answer.retry_after_s is not None:
            self._shut_until = max(self._shut_until, now + answer.retry_after_s)
        if answer.outcome != "failed":
            self._close(answer, now)
            return
        self._n_failed += 1
        # While it is open without a probe, only attempts from before it opened can fail.
        if self._is_probing or (self._n_failed >= self._failures and not self.is_open):
            self._open(now)

    def _close(self, answer: Answer, now: float) -> None:
        if self.is_open and answer.retry_after_s is None:
            self._shut_until = now
        self._n_failed = self._n_opened = 0
        self._is_probing = False

    def _open(self, now: float) -> None:
        pause = min(self._pause_s * 2.0 ** min(self._n_opened, 20), _MAX_PAUSE_S) * self._jitter()
        self._shut_until = max(self._shut_until, now + pause)
        self._n_opened += 1
        self._is_probing = False

    def _fill(self, now: float) -> None:
        if now > self._filled_at:
            filled = (now - self._filled_at) * self._rate_s
            self._tokens = min(self._capacity, self._tokens + filled)
            self._filled_at = now
