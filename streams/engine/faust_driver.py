"""Faust's Kafka driver with these corrections; see ops/decisions/0001-engine.md.

- The fetch wait, hard-coded to 1.5 s, is a setting.
- Isolation is read_committed: feeds write in transactions, and records of aborted ones are skipped.
- Only the window acks. Faust itself acks a record that it skips because of a rebalance, and the commit can then pass a
  record that was never finished.
- The offset to commit follows the last finished record, even after a gap, because the window finishes in order. Faust
  counts offsets one by one, and stops committing for good when an aborted transaction follows a partition's first
  record.
- An ack for a record read before the last rebalance is dropped: its partition may have another owner.
- A stopping or rebalancing worker waits a limited time for records in flight, and for a broker that does not answer.
  Otherwise one that hangs would hold up the whole group, or the stop.
- The number of a topic's partitions comes from the cluster's metadata; where Faust looks it up, only the leader of
  the group has it.
- A commit carries a note for the partition's next owner (`commit_notes`), and one that a rebalance was faster than is
  no error. Partitions that no longer exist are left out, also of one that is being tried.
- A topic that was created again, or lost its end, is read from its beginning. Faust drops records with offsets below
  those it has read, without a word.
- A partition without a commit, or with one at 0, is sought to its beginning in a rebalance like any other. Otherwise
  records that were fetched and dropped in the rebalance would be skipped until the next start.
- Members share an assignor under a name of their own: the broker refuses any other consumer that is given the group of
  a stage, which would commit records that nobody has processed. A worker that is refused ends; Faust would wait for
  ever.
- Its search for stuck partitions is off. It reports every partition of a recovered table's changelog, which nobody
  fetches any longer, at each interval; the age of the oldest record in flight and the consumer lag are metrics.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Collection, Coroutine, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, cast

import aiokafka
import faust
import structlog
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import (
    CommitFailedError,
    GroupAuthorizationFailedError,
    IllegalStateError,
    InconsistentGroupProtocolError,
    MessageSizeTooLargeError,
    RecordTooLargeError,
)
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.app.base import App
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import TP, Message

from streams.engine.commit_notes import CommitNotes
from streams.engine.dead_letter_limit import DeadLetterLimit
from streams.errors import WorkerError

log = structlog.get_logger()

ANSWER_S = 2.0
"""Longest wait of a stopping worker for one answer of the broker."""
_LOOK_S = 1.0
"""Time between two looks at whether the partitions of a commit still exist, and whether the group is refused."""
_REFUSALS = {
    InconsistentGroupProtocolError: "another program has joined it; `jikimi doctor` names its members",
    GroupAuthorizationFailedError: "this user has no right to it; see `jikimi doctor`",
}


def is_too_large(error: BaseException) -> bool:
    """Return whether a write failed because the broker, or its client, never accepts a record of this size."""
    return isinstance(error.__cause__ or error, MessageSizeTooLargeError | RecordTooLargeError)


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
                raise RuntimeError(f"aiokafka no longer keeps {name}: correct streams/engine/faust_driver.py")
        consumer._fetch_max_wait_ms = transport.fetch_wait_ms  # noqa: SLF001 - see above
        consumer._partition_assignment_strategy = [Assignor]  # noqa: SLF001 - likewise
        consumer._isolation_level = "read_committed"  # noqa: SLF001 - Faust sets it with its own transactions only
        return consumer

    async def on_start(self) -> None:
        """Start, and watch for a refusal of the group: Faust asks for errors only once it has partitions."""
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


class Consumer(driver.Consumer):
    """Faust's consumer that acks only through `finish`."""

    _gave_up_commits = False

    def __init__(self, transport: "Transport", *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - passed on
        super().__init__(transport, *args, **kwargs)
        self.notes: CommitNotes[TP] = CommitNotes(transport.window)
        self._one_commit = asyncio.Lock()
        self._limits = transport.limits
        self._recreated: set[TP] = set()

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Read what the last owners noted before any record is processed."""
        thread = cast("ConsumerThread", self._thread)
        commits = await thread.call_thread(thread.committed, assigned)
        for tp, commit in commits.items():
            begin = 0 if tp in self._recreated else max(0, commit.offset)
            note = self.notes.take_over(tp, begin, commit.metadata)
            if (limit := self._limits.get(tp.topic)) is not None:
                limit.restore(note.letters)
        self._recreated -= assigned
        await self.commit_notes(assigned)
        await super().on_partitions_assigned(assigned, generation_id)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Forget their commits, which the next owner passes: a late note must not take them back."""
        await super().on_partitions_revoked(revoked)
        self.notes.forget(revoked)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:  # noqa: ASYNC109 - Faust's signature
        """Yield records; a record before one that was read means that its topic is another one, or lost its end."""
        async for tp, message in super().getmany(timeout):
            read = self._read_offset[tp]
            if read is not None and message.offset < read:
                self._recreated.add(tp)
                log.warning("offsets begin again", partition=str(tp), read=read, offset=message.offset)
                thread = cast("ConsumerThread", self._thread)
                await thread.call_thread(thread.rejoin)
                return
            yield tp, message

    async def perform_seek(self) -> None:
        """Seek to the commits, also to those at 0: aiokafka leaves these out, and would skip what it has fetched."""
        await super().perform_seek()
        for tp in self.assignment():
            if not self._committed_offset[tp]:
                await self._seek(tp, 0)

    async def force_commit(self, *args: Any, **kwargs: Any) -> bool:  # noqa: ANN401 - passed on
        """Commit what is finished; no note's commit comes between, which would pass it and then be taken back."""
        async with self._one_commit:
            return bool(await super().force_commit(*args, **kwargs))

    async def commit_notes(self, partitions: Collection[TP]) -> None:
        """Commit the notes of partitions that are owned, and what is finished there."""
        async with self._one_commit:
            committed = {tp: self.notes.committed[tp] for tp in partitions if tp in self.notes.committed}
            await self._commit({tp: self._new_offset(tp) or offset for tp, offset in committed.items()})

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        commits = {tp: OffsetAndMetadata(offset, self._note(tp, offset)) for tp, offset in offsets.items()}
        return await cast("ConsumerThread", self._thread).commit(commits)

    def _note(self, tp: TP, offset: int) -> str:
        limit = self._limits.get(tp.topic)
        return self.notes.text(tp, offset, limit.in_a_row if limit is not None else 0)

    async def _drain(self) -> None:
        await super().wait_empty()
        await self.leave()

    async def leave(self) -> None:
        """Note that this owner ends in order: it did not die of a record."""
        partitions = self.assignment()
        for tp in partitions:
            self.notes.leave(tp)
        await self.commit_notes(partitions)

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def ack(self, message: Message) -> bool:  # noqa: ARG002 - Faust's signature
        """Do nothing: Faust calls this for records that are not finished."""
        return False

    def finish(self, message: Message) -> bool:
        """Allow the commit to pass this record once every agent that reads it has finished it.

        Call it once per agent, in order within a partition. Faust counts the agents of a record when it hands it to
        them; two stages of one worker may read the same topic.
        """
        if message.generation_id != self.app.consumer_generation_id:
            self._unacked_messages.discard(message)
            return False
        return super().ack(message) if message.decref() == 0 else False

    def _new_offset(self, tp: TP) -> int | None:
        """Return the next offset to commit, None if no record was finished since the last commit."""
        if not (finished := self._acked[tp]):
            return None
        offset = max(finished) + 1
        finished.clear()
        self._acked_index[tp].clear()
        return offset

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Do nothing: gaps do not matter to `_new_offset`."""

    async def verify_all_partitions_active(self) -> None:
        """Do nothing: see above."""

    async def wait_empty(self) -> None:
        """Return when all records in flight are finished, or after `drain_s`; the rest is not acked.

        A commit that the broker does not answer is not waited for longer than that either.
        """
        if self._gave_up_commits and self.app.should_stop:
            return  # Faust calls this twice in a stop
        drain_s = cast("Transport", self.transport).drain_s
        timer = self.loop.call_later(drain_s, self._give_up)
        try:
            self._gave_up_commits = not await within(drain_s + ANSWER_S, self._drain())
        finally:
            timer.cancel()

    def _give_up(self) -> None:
        # Faust waits until this set is empty; the acks themselves are kept elsewhere.
        log.warning("not waiting any longer for records in flight", records=len(self._unacked_messages))
        self._unacked_messages.clear()


class Producer(driver.Producer):
    """Faust's producer whose stop does not wait long for the broker: records not delivered were not acked."""

    async def on_stop(self) -> None:
        """Stop after a last attempt to deliver."""
        await within(ANSWER_S, super().on_stop())


class StageApp(faust.App):
    """Faust's app with a limit on the last flush of its producer."""

    async def _producer_flush(self, logger: Any) -> None:  # noqa: ANN401 - Faust's signature
        await within(ANSWER_S, super()._producer_flush(logger))


async def within(limit_s: float, stop: Coroutine[Any, Any, None]) -> bool:
    """Run a step of a stop, for so long at most; log its error, and return whether it ended in time.

    Not by a timeout alone: Faust catches the cancellation of some of its waits and waits again. And in an outage
    aiokafka lets the cancellation of its own fetches and commits out, as if the caller were cancelled.
    """
    step = asyncio.create_task(stop)
    done, _ = await asyncio.wait({step}, timeout=limit_s)
    if not done:
        log.warning("not waiting any longer for the broker")
        step.cancel()
    elif step.cancelled() or step.exception() is not None:
        log.warning("stopped without the broker", error="cancelled" if step.cancelled() else repr(step.exception()))
    return bool(done)


class Transport(driver.Transport):
    """Faust's transport with the consumer above.

    Parameters
    ----------
    fetch_wait_ms
        Longest wait of one fetch.
    drain_s
        Longest wait for records in flight before a stop or a rebalance.
    window
        Records in flight per stage.
    """

    Consumer = Consumer
    Producer = Producer

    def __init__(self, app: App, *, fetch_wait_ms: int, drain_s: float, window: int) -> None:
        super().__init__(url=app.conf.broker_consumer, app=app)
        self.fetch_wait_ms = fetch_wait_ms
        self.drain_s = drain_s
        self.window = window
        self.limits: dict[str, DeadLetterLimit] = {}
        """Limits on dead letters whose counts travel with the commits, by physical topic."""
