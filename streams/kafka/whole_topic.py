"""Every record of a topic, read from its beginning to its end by a command that ends."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from streams.errors import TransientError, UsageError
from streams.kafka.topic_reader import TopicReader, Update
from streams.kafka.wait_for_broker import wait_for_broker
from streams.settings import Settings


async def read_whole(settings: Settings, topic: str) -> list[Update]:
    """Return every record of a topic, for a command that ends.

    Raises
    ------
    UsageError
        The broker does not answer, or has no such topic.
    """
    updates: list[Update] = []
    await read_each(settings, topic, updates.extend)
    return updates


async def read_latest(settings: Settings, topic: str) -> dict[bytes, Update]:
    """Return the last record of each key without a tombstone; raises as `read_whole` does."""
    last = {update.key: update for update in await read_whole(settings, topic)}
    return {key: update for key, update in last.items() if update.value is not None}


async def read_each(settings: Settings, topic: str, apply: Callable[[list[Update]], None]) -> None:
    """Call `apply` with every record of a topic, for a command that ends; raises as `read_whole` and `apply` do."""
    await asyncio.to_thread(wait_for_broker, settings)
    failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def apply_in_time(updates: list[Update]) -> None:
        timer.reschedule(asyncio.get_running_loop().time() + settings.start_grace_s)  # a long topic is no timeout
        apply(updates)

    def fail(error: Exception) -> None:
        if not failed.done():
            failed.set_exception(error)

    reader = TopicReader(settings, topic, apply_in_time, fail)
    try:
        async with asyncio.timeout(settings.start_grace_s) as timer:
            await reader.start()
            await _first_of(reader.ready(), failed)
    except TimeoutError as error:
        raise UsageError(f"{settings.bootstrap_servers} does not answer") from error
    except TransientError as error:
        raise UsageError(error.detail) from error
    finally:
        await reader.stop()


async def _first_of(work: Coroutine[Any, Any, None], failed: asyncio.Future[None]) -> None:
    """Return when the work is done; raise the error of the future if it has one first."""
    task = asyncio.create_task(work)
    try:
        await asyncio.wait({task, failed}, return_when=asyncio.FIRST_COMPLETED)
        if failed.done():
            failed.result()
    finally:
        task.cancel()
