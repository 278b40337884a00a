"""A connection to a platform that is made again whenever it is lost."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Literal

import structlog

from streams.telemetry import metrics

log = structlog.get_logger()

_BASE_S = 0.5
_MAX_S = 60.0

type Loss = Literal["ended", "cut", "stalled", "refused", "unreachable", "too_large", "too_slow"]


class LostError(Exception):
    """The connection is gone and should be made again.

    Parameters
    ----------
    reason
        Label in metrics.
    detail
        One line for a person.
    """

    def __init__(self, reason: Loss, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


async def reconnecting[T](feed: str, session: Callable[[], AsyncGenerator[T]]) -> AsyncGenerator[T]:
    """Yield what one session after the other brings, with growing pauses while they bring nothing.

    Parameters
    ----------
    feed
        Label in metrics.
    session
        Connects, calls `connected` and yields until the connection is lost; asked again, it goes on where it was.
    """
    n_vain = 0
    while True:
        reason: Loss = "ended"
        detail = "the server closed the connection"
        began_at = time.monotonic()
        try:
            async with aclosing(session()) as messages:
                async for message in messages:
                    n_vain = 0
                    yield message
        except LostError as error:
            reason, detail = error.reason, str(error)
        finally:
            metrics.FEED_CONNECTED.labels(feed).set(0)
        metrics.FEED_RECONNECTS.labels(feed, reason).inc()
        # Jitter, so that a platform that comes back is not met by everybody at once.
        n_vain = 0 if time.monotonic() - began_at > _MAX_S else n_vain  # it was good, if quiet
        pause_s = random.uniform(0, min(_MAX_S, _BASE_S * 2**n_vain))  # noqa: S311 - no secret
        n_vain += 1
        log.warning("connection lost", feed=feed, reason=reason, detail=detail, again_in_s=round(pause_s, 1))
        await asyncio.sleep(pause_s)


def connected(feed: str) -> None:
    """Tell people that the feed listens."""
    metrics.FEED_CONNECTED.labels(feed).set(1)
    log.info("connected", feed=feed)
