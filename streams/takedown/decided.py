"""labels -> takedowns: issue the takedown of a post that a person calls a copy, withdraw it where it is none."""

from collections.abc import AsyncIterator

from schemas.messages import Label
from streams.engine.context import Context
from streams.engine.record import Output, Record
from streams.takedown.log import TakedownLog


def create(context: Context, takedown_log: TakedownLog) -> None:  # noqa: ARG001 - effects follow
    """Attach the agent to the context's app."""

    @context.stage("takedown", reads="labels")
    async def apply_label(message: Label, record: Record) -> AsyncIterator[Output]:  # noqa: ARG001 - a handler's signature
        return
        yield
