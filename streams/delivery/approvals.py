"""deliveries -> takedowns: apply the approvals of persons and the answers of platforms."""

from collections.abc import AsyncIterator

from schemas.messages import Delivery
from streams.delivery.deliverer import Deliverer
from streams.engine.context import Context
from streams.engine.record import Output, Record

_NONE: tuple[Output, ...] = ()
"""A handler yields its outputs; the deliverer writes its own."""


def create(context: Context, deliverer: Deliverer) -> None:
    """Attach the agent to the context's app; it reads the stage's own steps too, which change nothing."""

    @context.stage("delivery", reads="deliveries")
    async def apply_step(message: Delivery, record: Record) -> AsyncIterator[Output]:
        await deliverer.apply_step(message, record.partition)
        for output in _NONE:
            yield output
