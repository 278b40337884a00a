"""deliveries -> takedowns: apply the approvals of persons and the answers of platforms."""

from collections.abc import AsyncIterator

from schemas.messages import Delivery
from streams.engine.context import Context
from streams.engine.record import Output, Record


def create(context: Context) -> None:
    """Attach the agent to the context's app."""

    @context.stage("delivery", reads="deliveries")
    async def apply_step(message: Delivery, record: Record) -> AsyncIterator[Output]:  # noqa: ARG001 - a handler's signature
        return
        yield
