"""Waits for the broker in a stop or a rebalance, which have a limit."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

log = structlog.get_logger()

ANSWER_S = 2.0
"""Longest wait of a stopping worker for one answer of the broker."""


async def within(limit_s: float, stop: Coroutine[Any, Any, None]) -> bool:
    """Run a step of a stop, for so long at most; log its error, and return whether it ended in time.

    Not by a timeout alone: Faust catches the cancellation of some of its waits and waits again. And in an outage
    aiokafka lets the cancellation of its own fetches and commits out, as if the caller were cancelled.
    """
    step = asyncio.create_task(stop)
    done, _ = await asyncio.wait({step}, timeout=limit_s)
    if not done:
        log.warning("not waiting any longer for the broker")
        step.cancel()
    elif step.cancelled() or step.exception() is not None:
        log.warning("stopped without the broker", error="cancelled" if step.cancelled() else repr(step.exception()))
    return bool(done)
