"""Checkpoints of the audited topics, written by the worker that owns the first partition of the verdicts."""

import asyncio
from typing import TYPE_CHECKING

from streams.audit.checkpointer import Checkpointer
from streams.audit.checkpoints import KEY, TOPIC
from streams.takedown.log import TakedownLog

if TYPE_CHECKING:
    from streams.engine.context import Context


async def write_checkpoints(context: "Context", takedown_log: TakedownLog) -> None:
    """Write a checkpoint in every interval in which something was written, until cancelled.

    Two workers may each write one while a rebalance moves the partition; both verify.
    """
    checkpointer = Checkpointer(context.settings, context.codec, takedown_log.signer, takedown_log.keys)
    while True:
        await asyncio.sleep(context.settings.audit.checkpoint_s)
        if 0 in context.owned("verdicts"):
            checkpoint = await asyncio.to_thread(checkpointer.next)
            if checkpoint is not None:
                await context.send(TOPIC, KEY, checkpoint)
