"""takedowns, cases -> deliveries, takedowns: send the notices of takedowns and look whether their posts are gone."""

from collections.abc import AsyncIterator

from schemas.messages import Takedown
from streams.engine.context import Context
from streams.engine.record import Output, Record


def create(context: Context) -> None:
    """Attach the agent to the context's app."""

    @context.stage("delivery", reads="takedowns")
    async def hand_over(message: Takedown, record: Record) -> AsyncIterator[Output]:  # noqa: ARG001 - a handler's signature
        return
        yield
