"""The loop of a run: records prepared several at once, then joined and written one after the other, in order.

Nothing in flight when the process dies was written: a restart reads it again and comes to the same outputs.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from schemas.codec import Codec
from schemas.ids import record_id
from schemas.messages import DeadLetter, Look, Message, Run, Scores, Verdict
from streams.engine.dead_letter_limit import DeadLetterLimit, TooManyDeadLettersError
from streams.engine.guard import dead_letter
from streams.engine.record import Record
from streams.fusion.join_window import JoinWindow
from streams.fusion.post_state import PostState
from streams.replay.chain import Chain, Failure, Prepared
from streams.replay.merged_reader import MergedReader
from streams.replay.naming import DEAD_LETTERS
from streams.replay.run_cases import RunCases
from streams.replay.run_state import RunState
from streams.replay.run_writer import Batch, Progress, RunWriter, Written
from streams.replay.span import Offsets, PartitionId
from streams.replay.stages import Stages

_READ_LIMIT = 200
_READ_S = 0.25
_MAX_OUTPUTS = 500
_MAX_BYTES = 8 * 1024 * 1024
"""Outputs and bytes above which a transaction is committed."""
_COMMIT_S = 1.0
HEARTBEAT_S = 5.0
"""Interval at which the run's record is written, also without changes: a recent one shows that the run is alive."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Components of an engine."""

    reader: MergedReader
    stages: Stages
    chain: Chain
    cases: RunCases
    window: JoinWindow
    state: RunState
    run_writer: RunWriter
    codec: Codec
    limit: DeadLetterLimit
    keeps: frozenset[str]
    """Topics whose records are written; those of other topics stay in memory."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Rate and clock of a run.

    Attributes
    ----------
    ahead
        Records prepared at once.
    max_rate
        Records a second; 0 is no limit.
    live
        Whether deadlines follow the wall clock and the run has no end; otherwise deadlines follow event time, the
        records' timestamps.
    """

    ahead: int
    max_rate: float = 0.0
    live: bool = False


@dataclass(slots=True)
class Engine:
    """Processes records until the reader is done or `stop` is called.

    Parameters
    ----------
    run, progress
        Record and checkpoint of the run, which a restart continues from.
    on_verdict
        Called with each verdict, and with None for each post whose scores arrive.
    """

    parts: Parts
    pace: Pace
    run: Run
    progress: Progress
    on_verdict: Callable[[str, Verdict | None], None]
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _outputs: list[Written] = field(default_factory=list)
    _n_bytes: int = 0
    _positions: Offsets = field(default_factory=dict)
    _records: Counter[str] = field(default_factory=Counter)
    _fusion_s: float = 0.0
    _seconds_before: dict[str, float] = field(default_factory=dict)
    _committed_at: float = 0.0
    _run_written_at: float = 0.0

    def stop(self) -> None:
        """Make `execute` return after the records in flight."""
        self._stopping.set()

    def offsets(self) -> tuple[int, int | None]:
        """Return the number of offsets processed and the total, None for a run without an end."""
        starts, ends = self.run.starts, self.run.ends
        done = sum(offset - starts[partition] for partition, offset in self.progress.positions.items())
        return done, sum(ends[partition] - start for partition, start in starts.items()) if ends else None

    async def execute(self) -> None:
        """Process and write all records, then the end of the run.

        Raises
        ------
        UsageError
            Another process has fenced this one, the broker does not accept writes, or retention has deleted the next
            record.
        TooManyDeadLettersError
            Nothing of the record that exceeded the limit was written.
        """
        self._seconds_before = dict(self.progress.seconds)
        self._records = Counter(self.progress.records)
        await self._commit(with_run=True)
        try:
            await self._work()
        except TooManyDeadLettersError:
            await self._commit(with_run=True)
            raise
        if not self._stopping.is_set() and not self.pace.live:
            for state in self.parts.window.open_states():
                await self._close(state)
        # A transaction is visible for certain once the next has begun: a reader of "finished" can read all outputs.
        await self._commit(with_run=False)
        ended = not self._stopping.is_set() or self.pace.live
        self.run = msgspec.structs.replace(self.run, finished_at=datetime.now(UTC) if ended else None)
        await self._commit(with_run=True)

    async def _work(self) -> None:
        window: deque[asyncio.Task[Prepared]] = deque()
        try:
            async for record in self._records_read():
                if record is not None:
                    window.append(asyncio.create_task(self.parts.chain(record)))
                # Without a further record the window is drained rather than filled.
                while window and (len(window) >= self.pace.ahead or window[0].done() or record is None):
                    await self._join(await self._result(window.popleft()))
                await self._tick()
            while window:
                await self._join(await self._result(window.popleft()))
        finally:
            for task in window:
                task.cancel()

    async def _records_read(self) -> AsyncIterator[Record | None]:
        """Yield records at the run's rate, and None while there is none."""
        started_s, n = time.monotonic(), 0
        while not self._stopping.is_set() and not self.parts.reader.done:
            records = await asyncio.to_thread(self.parts.reader.read, _READ_LIMIT, _READ_S)
            if not records:
                yield None
            for record in records:
                while self.pace.max_rate and n > (time.monotonic() - started_s) * self.pace.max_rate:
                    yield None
                    await asyncio.sleep(min(_READ_S, 1 / self.pace.max_rate))
                if self._stopping.is_set():
                    return
                yield record
                n += 1

    async def _result(self, task: asyncio.Task[Prepared]) -> Prepared:
        while not (await asyncio.wait({task}, timeout=_COMMIT_S))[0]:
            await self._tick()
        return task.result()

    async def _tick(self) -> None:
        if self.pace.live:
            await self._expire(time.time())
        now = time.monotonic()
        with_run = now - self._run_written_at >= HEARTBEAT_S
        waiting = self._positions and now - self._committed_at >= _COMMIT_S
        full = len(self._outputs) >= _MAX_OUTPUTS or self._n_bytes >= _MAX_BYTES
        if with_run or waiting or full:
            await self._commit(with_run=with_run)

    async def _join(self, done: Prepared) -> None:
        """Join the scores of a prepared record, queue its outputs and advance its position."""
        record = done.record
        now_s = time.time() if self.pace.live else max(self.progress.clock_s, record.timestamp_s)
        self.progress.clock_s = now_s
        await self._expire(now_s)
        await self._take(done, now_s)
        self._positions[PartitionId(record.topic, record.partition)] = record.offset + 1

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
            await self._fuse(scores, now_s)
        self._records += done.records

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

    async def _fuse(self, scores: Scores, now_s: float) -> None:
        started_s = time.thread_time()
        self.on_verdict(scores.segment.post.post_id, None)
        state, verdicts, looks = await self.parts.window.add(scores, now_s)
        await self._deliver(state, verdicts, now_s)
        self._records["fusion"] += 1
        self._fusion_s += time.thread_time() - started_s
        for look in looks:
            await self._look(look, now_s)

    async def _look(self, look: Look, now_s: float) -> None:
        """Take a look within the run if it decodes posts itself; otherwise the recorded answers are fused as they come.

        Nothing is written to the live topic of looks.
        """
        if self.parts.stages.of("looks") is not None:
            value, key = self.parts.codec.encode("looks", look), look.segment.post.post_id.encode()
            asked = Record("looks", 0, 0, key, value, timestamp_s=now_s)
            await self._take(
                await self.parts.chain(asked), now_s
            )  # no commit in between: what it answers is in the state

    async def _expire(self, now_s: float) -> None:
        for post_id in self.parts.window.expired(now_s):
            state = self.parts.window.state(post_id)
            assert state is not None
            if state.is_settled:
                await self.parts.window.evict(post_id)
            else:
                await self._close(state)

    async def _close(self, state: PostState) -> None:
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
        self._outputs.append(Written(topic, key, value, at_s))
        self._n_bytes += len(value)

    async def _commit(self, *, with_run: bool) -> None:
        """Write all outputs since the last commit in one transaction, on request with the record of the run."""
        self.progress.positions |= {str(partition): offset for partition, offset in self._positions.items()}
        self.progress.records = dict(self._records)
        before, since = self._seconds_before, self.parts.stages.seconds() | {"fusion": self._fusion_s}
        self.progress.seconds = before | {stage: before.get(stage, 0.0) + since[stage] for stage in since}
        if with_run:
            self.run = msgspec.structs.replace(
                self.run,
                records=self.progress.records,
                seconds=self.progress.seconds,
                dead_letters=self.progress.dead_letters,
            )
        changes = self.parts.state.changes()
        batch = Batch(self._outputs, changes, self.progress, self._positions, self.run if with_run else None)
        await asyncio.to_thread(self.parts.run_writer.commit, batch, self.parts.reader.metadata())
        self._outputs, self._n_bytes, self._positions = [], 0, {}
        self._committed_at = time.monotonic()
        self._run_written_at = self._committed_at if with_run else self._run_written_at
