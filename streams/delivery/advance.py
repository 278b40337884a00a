"""Takedown event that follows from a step of its delivery."""

import msgspec

from schemas.messages import Delivery, State
from streams.engine.context import Context
from streams.takedown.life import may_follow, step
from streams.takedown.log import TakedownLog
from streams.telemetry import metrics


async def advance(
    context: Context, takedown_log: TakedownLog, takedown_id: str, state: State | None, taken: Delivery
) -> State | None:
    """Write the event of a step unless it may not follow the last one; return the takedown's state then.

    None if no event follows from the step, or the takedown is erased.
    """
    while state is not None:
        async with takedown_log.lock:
            await takedown_log.current()
            entry = takedown_log.entry(takedown_id)
            if entry is None or not may_follow(entry.state, state):
                return entry.state if entry is not None else None
            last = await takedown_log.last(entry.row)
            assert last is not None
            cause = msgspec.structs.replace(taken, notice=None)  # it is in the step's own record
            event = step(last, state, taken.delivery_id, by=taken.by, why=taken.why, delivery=cause)
            await context.send("takedowns", takedown_id, takedown_log.signed(event))
            metrics.TAKEDOWNS.labels(state).inc()
            await takedown_log.current()
            # Another worker's event may have come first; readers then ignore ours.
            if takedown_log.state(takedown_id) == state:
                return state
    return None
