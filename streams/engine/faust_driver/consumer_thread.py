"""Thread of Faust's driver that polls, heartbeats and commits, and the assignor of its group."""

import asyncio
import sys
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import aiokafka
import structlog
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import (
    CommitFailedError,
    GroupAuthorizationFailedError,
    IllegalStateError,
    InconsistentGroupProtocolError,
)
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import TP

from streams.engine.faust_driver.limited_wait import ANSWER_S, within
from streams.errors import WorkerError

log = structlog.get_logger()

_LOOK_S = 1.0
"""Time between two looks at whether the partitions of a commit still exist, and whether the group is refused."""
_REFUSALS = {
    InconsistentGroupProtocolError: "another program has joined it; `jikimi doctor` names its members",
    GroupAuthorizationFailedError: "this user has no right to it; see `jikimi doctor`",
}


class Assignor(RoundRobinPartitionAssignor):  # type: ignore[misc]  # aiokafka is untyped
    """Assignment in turns, as Faust's for an app without tables of its kind, under a name that no other consumer uses.

    The broker refuses members without a common name. Under the usual one, any consumer that is given a stage's group by
    mistake would be assigned partitions, and commit records that nobody has processed.
    """

    name = "jikimi"


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Faust's consumer thread with our fetch wait, isolation level and assignor."""

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:  # noqa: ANN401 - narrowed here
        consumer = super()._create_worker_consumer(transport)
        # Private to aiokafka, hence its pinned version and this check.
        for name in ("_fetch_max_wait_ms", "_isolation_level", "_partition_assignment_strategy"):
            if not hasattr(consumer, name):
                raise RuntimeError(f"aiokafka no longer keeps {name}: correct streams/engine/faust_driver/")
        consumer._fetch_max_wait_ms = transport.fetch_wait_ms  # noqa: SLF001 - see above
        consumer._partition_assignment_strategy = [Assignor]  # noqa: SLF001 - likewise
        consumer._isolation_level = "read_committed"  # noqa: SLF001 - Faust sets it with its own transactions only
        return consumer

    async def on_start(self) -> None:
        """Start, and watch for a refusal of the group: Faust checks for errors only once it has partitions."""
        await super().on_start()
        self.add_future(self._end_if_refused())  # type: ignore[unused-awaitable]  # an error of it crashes the worker

    async def _end_if_refused(self) -> None:
        coordinator = self._ensure_consumer()._coordinator  # noqa: SLF001 - there is no public call
        while not self.should_stop:
            if (why := _REFUSALS.get(type(coordinator._pending_exception))) is not None:  # noqa: SLF001 - likewise
                raise WorkerError("group_refused", f"the broker refuses consumer group {self.app.conf.id}: {why}")
            await asyncio.sleep(_LOOK_S)

    async def on_thread_stop(self) -> None:
        """Leave the group and close the connections; otherwise, in an outage, Faust would wait for this for ever."""
        await within(ANSWER_S, super().on_thread_stop())

    def _stopped_set(self) -> None:
        """Note the stop where the thread's loop still runs: a crash has closed it."""
        if not self.thread_loop.is_closed():
            super()._stopped_set()

    async def committed(self, partitions: AbstractSet[TP]) -> dict[TP, OffsetAndMetadata]:
        """Return the group's commits of these partitions, with their notes; offset -1 where it has none."""
        coordinator = self._ensure_consumer()._coordinator  # noqa: SLF001 - the public call drops the notes
        found = await coordinator.fetch_committed_offsets([TopicPartition(*tp) for tp in partitions])
        return {tp: found.get(TopicPartition(*tp), OffsetAndMetadata(-1, "")) for tp in partitions}

    async def rejoin(self) -> None:
        """Let the group rebalance: each owner then begins at what is committed."""
        self._ensure_consumer()._coordinator.request_rejoin()  # noqa: SLF001 - there is no public call

    async def _commit(self, commits: Mapping[TP, OffsetAndMetadata]) -> bool:
        """Commit; return False after a rebalance, which repeats what was not committed."""
        owned = self.assignment()
        try:
            await self._commit_existing({TopicPartition(*tp): c for tp, c in commits.items() if tp in owned})
        except (CommitFailedError, IllegalStateError) as error:
            log.warning("commit after a rebalance", error=str(error))
            return False
        except Exception as error:
            log.exception("commit failed")
            await self.crash(error)
            return False
        return True

    async def _commit_existing(self, commits: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
        """Commit, until it is done, what still exists: aiokafka would try for ever to commit what does not."""
        consumer = self._ensure_consumer()
        while commits := {tp: commit for tp, commit in commits.items() if not self._is_gone(tp)}:
            attempt = asyncio.create_task(consumer.commit(commits))
            try:
                while not (attempt.done() or any(map(self._is_gone, commits))):
                    await asyncio.wait({attempt}, timeout=_LOOK_S)
                if attempt.done():
                    await attempt
                    return
            finally:
                attempt.cancel()

    def _is_gone(self, tp: TopicPartition) -> bool:
        """Return whether its topic was created again with fewer partitions; one without metadata may be back soon."""
        partitions = self._ensure_consumer().partitions_for_topic(tp.topic)
        return bool(partitions) and tp.partition not in partitions

    def on_crash(self, msg: str, *fmt: Any, **kwargs: Any) -> None:  # noqa: ANN401, ARG002 - Faust's signature
        """Log an error that ends the thread; Faust would print it."""
        log.error("consumer thread failed", detail=msg.format(*fmt), exc_info=sys.exception())

    def topic_partitions(self, topic: str) -> int | None:
        """Return the number of partitions of a subscribed topic, None before the first metadata."""
        partitions = self._ensure_consumer().partitions_for_topic(topic)
        return len(partitions) if partitions else None
