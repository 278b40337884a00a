"""Prepared records joined in order: their scores fused, and the outputs kept that the next commit writes."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from schemas.ids import record_id
from schemas.messages import DeadLetter, Look, Message, Scores, Verdict
from streams.engine.guard import dead_letter
from streams.engine.record import Record
from streams.fusion.post_state import PostState
from streams.replay.chain import Failure, Prepared
from streams.replay.naming import DEAD_LETTERS
from streams.replay.parts import Parts
from streams.replay.run_writer import Progress, Written
from streams.replay.span import Offsets, PartitionId


@dataclass(slots=True)
class Joiner:
    """Joins prepared records.

    Parameters
    ----------
    progress
        Checkpoint of the run, which a restart continues from.
    on_verdict
        Called with each verdict, and with None for each post whose scores arrive.
    live
        Whether deadlines follow the wall clock; otherwise event time, the records' timestamps.
    """

    parts: Parts
    progress: Progress
    on_verdict: Callable[[str, Verdict | None], None]
    live: bool = False
    outputs: list[Written] = field(default_factory=list)
    """Outputs since the last commit."""
    n_bytes: int = 0
    """Size of these outputs."""
    positions: Offsets = field(default_factory=dict)
    """Next offsets of the partitions that have advanced since the last commit."""
    records: Counter[str] = field(default_factory=Counter)
    """Records processed by each stage in the whole run."""
    fusion_s: float = 0.0
    """CPU seconds of fusion since the start of this process."""

    async def join(self, done: Prepared) -> None:
        """Join the scores of a prepared record, queue its outputs and advance its position."""
        record = done.record
        now_s = time.time() if self.live else max(self.progress.clock_s, record.timestamp_s)
        self.progress.clock_s = now_s
        await self.expire(now_s)
        await self._take(done, now_s)
        self.positions[PartitionId(record.topic, record.partition)] = record.offset + 1

    async def _take(self, done: Prepared, now_s: float) -> None:
        """Join the scores of a prepared record and queue its outputs."""
        letters = [self._letter(failure, now_s) for failure in done.failures]
        self._count(letters)
        for topic, key, message in done.outputs:
            if topic in self.parts.keeps and message is not None:
                self._write(topic, key.encode(), message, now_s)
        for letter in letters:
            self._write(DEAD_LETTERS, letter.key or b"", letter, now_s)
        for scores in done.scores:
            await self.fuse(scores, now_s)
        self.records += done.records

    def _count(self, letters: list[DeadLetter]) -> None:
        for letter in letters:
            self.parts.limit.failed(letter.reason)
        if not letters:
            self.parts.limit.passed()
        self.progress.dead_letters += len(letters)

    def _letter(self, failure: Failure, now_s: float) -> DeadLetter:
        record = failure.record
        letter = dead_letter(failure.stage, failure.error, record, self.parts.chain.retry.attempts)
        # The key is part of the id because records between two stages have only the offset of their source record.
        parts = (failure.stage, record.topic, record.partition, record.offset, record.key, letter.reason)
        at = datetime.fromtimestamp(now_s, UTC)
        return msgspec.structs.replace(letter, dead_letter_id=record_id("dead-letter", *parts), at=at)

    async def fuse(self, scores: Scores, now_s: float) -> None:
        """Fuse scores with those of their post, and take the looks that follow."""
        started_s = time.thread_time()
        self.on_verdict(scores.segment.post.post_id, None)
        state, verdicts, looks = await self.parts.window.add(scores, now_s)
        await self._deliver(state, verdicts, now_s)
        self.records["fusion"] += 1
        self.fusion_s += time.thread_time() - started_s
        for look in looks:
            await self._look(look, now_s)

    async def _look(self, look: Look, now_s: float) -> None:
        """Take a look within the run if it decodes posts itself; otherwise the recorded answers are fused as they come.

        Nothing is written to the live topic of looks, and nothing is committed in between: its answer is in the state.
        """
        if self.parts.stages.of("looks") is not None:
            value, key = self.parts.codec.encode("looks", look), look.segment.post.post_id.encode()
            asked = Record("looks", 0, 0, key, value, timestamp_s=now_s)
            await self._take(await self.parts.chain(asked), now_s)

    async def expire(self, now_s: float) -> None:
        """Close the posts whose deadline has passed, and evict those that are settled."""
        for post_id in self.parts.window.expired(now_s):
            state = self.parts.window.state(post_id)
            assert state is not None
            if state.is_settled:
                await self.parts.window.evict(post_id)
            else:
                await self.close(state)

    async def close(self, state: PostState) -> None:
        """Close a post as of its deadline, not of the later record that shows that the deadline has passed."""
        at_s = state.deadline_s
        await self._deliver(state, await self.parts.window.close(state, at_s), at_s)

    async def _deliver(self, state: PostState, verdicts: list[Verdict], at_s: float) -> None:
        post_id = state.post.post_id
        for verdict in verdicts:
            self._write("verdicts", post_id.encode(), verdict, at_s)
            self.on_verdict(post_id, verdict)
        await self.parts.window.save(state, verdicts, at_s)

    def _write(self, topic: str, key: bytes, message: Message, at_s: float) -> None:
        value = self.parts.codec.encode(topic, message)
        self.outputs.append(Written(topic, key, value, at_s))
        self.n_bytes += len(value)

    def committed(self) -> None:
        """Drop the outputs and positions, which a commit has written."""
        self.outputs, self.n_bytes, self.positions = [], 0, {}
