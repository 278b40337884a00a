"""Reconnection to a platform after its connection is lost."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Literal

import structlog

from streams.telemetry import metrics

log = structlog.get_logger()

_BASE_PAUSE_S = 0.5
_MAX_PAUSE_S = 60.0

type LossReason = Literal["ended", "cut", "stalled", "refused", "unreachable", "too_large", "too_slow"]


class ConnectionLostError(Exception):
    """The connection is lost and should be made again.

    Parameters
    ----------
    reason
        Label in metrics.
    detail
        One line for a person.
    """

    def __init__(self, reason: LossReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


async def reconnecting[T](feed: str, session: Callable[[], AsyncGenerator[T]]) -> AsyncGenerator[T]:
    """Yield the messages of successive sessions, with exponential backoff while sessions yield none.

    Parameters
    ----------
    feed
        Label in metrics.
    session
        Connects, calls `report_connected` and yields until the connection is lost; the next call resumes there.
    """
    n_failures = 0
    while True:
        reason: LossReason = "ended"
        detail = "the server closed the connection"
        began_at = time.monotonic()
        try:
            async with aclosing(session()) as messages:
                async for message in messages:
                    n_failures = 0
                    yield message
        except ConnectionLostError as error:
            reason, detail = error.reason, str(error)
        finally:
            metrics.FEED_CONNECTED.labels(feed).set(0)
        metrics.FEED_RECONNECTS.labels(feed, reason).inc()
        # A session that lasted longer than the longest pause was good, even if it was quiet.
        n_failures = 0 if time.monotonic() - began_at > _MAX_PAUSE_S else n_failures
        # Full jitter, so that clients do not all reconnect at once when a platform comes back.
        pause_s = random.uniform(0, min(_MAX_PAUSE_S, _BASE_PAUSE_S * 2**n_failures))  # noqa: S311 - no secret
        n_failures += 1
        log.warning("connection lost", feed=feed, reason=reason, detail=detail, again_in_s=round(pause_s, 1))
        await asyncio.sleep(pause_s)


def report_connected(feed: str) -> None:
    """Set the connection metric of a feed, and log it."""
    metrics.FEED_CONNECTED.labels(feed).set(1)
    log.info("connected", feed=feed)
