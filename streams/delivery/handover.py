"""takedowns, cases -> deliveries, takedowns: send the notices of takedowns and look whether their posts are gone."""

from collections.abc import AsyncIterator

from schemas.messages import Takedown
from streams.delivery.deliverer import Deliverer
from streams.engine.context import Context
from streams.engine.record import Output, Record

_NONE: tuple[Output, ...] = ()
"""A handler yields its outputs; the deliverer writes its own."""


def create(context: Context, deliverer: Deliverer) -> None:
    """Attach the agent to the context's app; its steps are taken in the background, when they are due."""

    @context.stage("delivery", reads="takedowns")
    async def hand_over(message: Takedown, record: Record) -> AsyncIterator[Output]:
        await deliverer.apply_event(message, record.partition, record.offset)
        for output in _NONE:
            yield output
