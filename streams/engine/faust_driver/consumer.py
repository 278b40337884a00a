"""Faust's consumer, in which only the window acks."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from typing import TYPE_CHECKING, Any, cast

import structlog
from aiokafka.structs import OffsetAndMetadata
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import TP, Message

from streams.engine.commit_notes import CommitNotes
from streams.engine.faust_driver.consumer_thread import ConsumerThread
from streams.engine.faust_driver.limited_wait import ANSWER_S, within

if TYPE_CHECKING:
    from streams.engine.faust_driver.transport import Transport

log = structlog.get_logger()


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
        """Drop their commits, which the next owner passes: a late note must not take them back."""
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
        """Note that this owner ends in order: no record has killed it."""
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
        """Do nothing: the age of the oldest record in flight and the consumer lag are metrics."""

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
