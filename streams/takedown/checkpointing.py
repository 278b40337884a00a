"""Checkpoints of the audited topics, written by the worker that owns the first partition of the verdicts."""

import asyncio
from typing import TYPE_CHECKING

import structlog

from streams.audit.checkpointer import Checkpointer
from streams.audit.checkpoints import KEY, TOPIC
from streams.errors import BrokerError
from streams.takedown.log import TakedownLog

if TYPE_CHECKING:
    from streams.engine.context import Context


log = structlog.get_logger()


async def write_checkpoints(context: "Context", takedown_log: TakedownLog) -> None:
    """Write a checkpoint in every interval in which something was written, until cancelled.

    Two workers may each write one while a rebalance moves the partition; both verify.
    """
    checkpointer = Checkpointer(context.settings, context.codec, takedown_log.signer, takedown_log.keys)
    while True:
        await asyncio.sleep(context.settings.audit.checkpoint_s)
        if 0 not in context.owned("verdicts"):
            continue
        try:
            checkpoint = await asyncio.to_thread(checkpointer.next)
        except (BrokerError, ConnectionError) as error:  # the registry's, too; takedowns go on without checkpoints
            log.error("no checkpoint written", error=str(error))  # noqa: TRY400 - its trace has no more
            continue
        if checkpoint is not None:
            await context.send(TOPIC, KEY, checkpoint)
