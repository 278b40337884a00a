"""The loop of a run: records in order, prepared side by side, heard and written one after the other.

Whatever is in flight when the process dies was not written: a restart reads it again and comes to the same.
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
from schemas.messages import DeadLetter, Message, Run, Scores, Verdict
from streams.engine.dead_letter_limit import DeadLetterLimit, TooManyDeadLettersError
from streams.engine.guard import dead_letter
from streams.engine.record import Record
from streams.fusion.post_state import PostState
from streams.replay.chain import Chain, Failure, Prepared
from streams.replay.merged_reader import MergedReader
from streams.replay.naming import DEAD_LETTERS
from streams.replay.post_states import PostStates
from streams.replay.run_cases import RunCases
from streams.replay.run_writer import Batch, Progress, RunWriter, Written
from streams.replay.span import Place
from streams.replay.stages import Stages

_TAKE = 200
_TAKE_S = 0.25
_MOST_OUTPUTS = 500
_MOST_BYTES = 8 * 1024 * 1024
"""In one transaction."""
_COMMIT_S = 1.0
HEARTBEAT_S = 5.0
"""How often a run is written down, also when nothing happens: whoever looks sees that it lives."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What an engine is made of."""

    reader: MergedReader
    stages: Stages
    chain: Chain
    cases: RunCases
    post_states: PostStates
    run_writer: RunWriter
    codec: Codec
    limit: DeadLetterLimit
    keeps: frozenset[str]
    """Topics whose records are written, of those that pass."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a run goes, and in which time.

    Attributes
    ----------
    ahead
        Records prepared side by side.
    max_rate
        Records a second; 0 is no limit.
    live
        Deadlines by the wall clock, and no end; else by the records' own time.
    """

    ahead: int
    max_rate: float = 0.0
    live: bool = False


@dataclass(slots=True)
class Engine:
    """Runs until the reader is done or `stop` was called.

    Parameters
    ----------
    run, progress
        What is written down of it, and continued after a restart.
    watch
        Told of each verdict, and of each post that is first heard of.
    """

    parts: Parts
    pace: Pace
    run: Run
    progress: Progress
    watch: Callable[[str, Verdict | None], None]
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _outputs: list[Written] = field(default_factory=list)
    _n_bytes: int = 0
    _positions: dict[Place, int] = field(default_factory=dict)
    _records: Counter[str] = field(default_factory=Counter)
    _fusion_s: float = 0.0
    _spent: dict[str, float] = field(default_factory=dict)
    _committed_at: float = 0.0
    _told_at: float = 0.0

    def stop(self) -> None:
        """Let `execute` end soon; what it has begun is brought to an end."""
        self._stopping.set()

    def offsets(self) -> tuple[int, int | None]:
        """Return how many offsets lie behind, and of how many; None where there is no end."""
        starts, ends = self.run.starts, self.run.ends
        done = sum(offset - starts[place] for place, offset in self.progress.positions.items())
        return done, sum(ends[place] - start for place, start in starts.items()) if ends else None

    async def execute(self) -> None:
        """Run; everything handled was written by then.

        Raises
        ------
        UsageError
            The run was taken over, the broker takes nothing, or the topic has lost what comes next.
        TooManyDeadLettersError
            Nothing was written of the record that would have been one too many.
        """
        self._spent = dict(self.progress.seconds)
        self._records = Counter(self.progress.records)
        await self._commit(tell=True)
        try:
            await self._work()
        except TooManyDeadLettersError:
            await self._commit(tell=True)
            raise
        if not self._stopping.is_set() and not self.pace.live:
            for hearing in self.parts.post_states.waiting():
                await self._close(hearing)
        # What a transaction wrote is seen for sure once the next has begun: who reads "finished" sees everything.
        await self._commit(tell=False)
        ended = not self._stopping.is_set() or self.pace.live
        self.run = msgspec.structs.replace(self.run, finished_at=datetime.now(UTC) if ended else None)
        await self._commit(tell=True)

    async def _work(self) -> None:
        window: deque[asyncio.Task[Prepared]] = deque()
        try:
            async for record in self._arriving():
                if record is not None:
                    window.append(asyncio.create_task(self.parts.chain(record)))
                # Nothing more to fill the window with: what is in it is not held up for that.
                while window and (len(window) >= self.pace.ahead or window[0].done() or record is None):
                    await self._settle(await self._patiently(window.popleft()))
                await self._tick()
            while window:
                await self._settle(await self._patiently(window.popleft()))
        finally:
            for task in window:
                task.cancel()

    async def _arriving(self) -> AsyncIterator[Record | None]:
        """Yield records, and None whenever there is none for a moment."""
        started_s, n = time.monotonic(), 0
        while not self._stopping.is_set() and not self.parts.reader.done:
            records = await asyncio.to_thread(self.parts.reader.take, _TAKE, _TAKE_S)
            if not records:
                yield None
            for record in records:
                while self.pace.max_rate and n > (time.monotonic() - started_s) * self.pace.max_rate:
                    yield None
                    await asyncio.sleep(min(_TAKE_S, 1 / self.pace.max_rate))
                if self._stopping.is_set():
                    return
                yield record
                n += 1

    async def _patiently(self, task: asyncio.Task[Prepared]) -> Prepared:
        while not (await asyncio.wait({task}, timeout=_COMMIT_S))[0]:
            await self._tick()
        return task.result()

    async def _tick(self) -> None:
        if self.pace.live:
            await self._expire(time.time())
        now = time.monotonic()
        tell = now - self._told_at >= HEARTBEAT_S
        waiting = self._positions and now - self._committed_at >= _COMMIT_S
        full = len(self._outputs) >= _MOST_OUTPUTS or self._n_bytes >= _MOST_BYTES
        if tell or waiting or full:
            await self._commit(tell=tell)

    async def _settle(self, done: Prepared) -> None:
        """Hear what a record led to and note that it is done."""
        record = done.record
        now_s = time.time() if self.pace.live else max(self.progress.clock_s, record.timestamp_s)
        self.progress.clock_s = now_s
        await self._expire(now_s)
        letters = [self._letter(failure, now_s) for failure in done.failures]
        self._count(letters)
        for topic, key, message in done.outputs:
            if topic in self.parts.keeps and message is not None:
                self._write(topic, key.encode(), message, now_s)
        for letter in letters:
            self._write(DEAD_LETTERS, letter.key or b"", letter, now_s)
        for scores in done.scores:
            await self._hear(scores, now_s)
        self._records += done.records
        self._positions[Place(record.topic, record.partition)] = record.offset + 1

    def _count(self, letters: list[DeadLetter]) -> None:
        for letter in letters:
            self.parts.limit.failed(letter.reason)
        if not letters:
            self.parts.limit.passed()
        self.progress.dead_letters += len(letters)

    def _letter(self, failure: Failure, now_s: float) -> DeadLetter:
        record = failure.record
        letter = dead_letter(failure.stage, failure.error, record, self.parts.chain.retry.attempts)
        # By its key too: of several records that lie between two stages, only the source has a place of its own.
        place = (failure.stage, record.topic, record.partition, record.offset, record.key, letter.reason)
        at = datetime.fromtimestamp(now_s, UTC)
        return msgspec.structs.replace(letter, dead_letter_id=record_id("dead-letter", *place), at=at)

    async def _hear(self, scores: Scores, now_s: float) -> None:
        started_s = time.thread_time()
        post_id = scores.segment.post.post_id
        self.watch(post_id, None)
        hearing = self.parts.post_states.of(scores, now_s)
        rules = await self.parts.cases.rules({found.case_id for found in scores.matches} | hearing.evidence.keys())
        self._decide(hearing, hearing.hear(scores, rules, now_s), now_s)
        self._records["fusion"] += 1
        self._fusion_s += time.thread_time() - started_s

    async def _expire(self, now_s: float) -> None:
        for hearing in self.parts.post_states.due(now_s):
            await self._close(hearing)

    async def _close(self, hearing: PostState) -> None:
        at_s = hearing.deadline_s
        rules = await self.parts.cases.rules(set(hearing.evidence))
        self._decide(hearing, hearing.close(rules, at_s), at_s)

    def _decide(self, hearing: PostState, verdicts: list[Verdict], at_s: float) -> None:
        post_id = hearing.post.post_id
        for verdict in verdicts:
            self._write("verdicts", post_id.encode(), verdict, at_s)
            self.watch(post_id, verdict)
        self.parts.post_states.remember(hearing, verdicts, at_s)

    def _write(self, topic: str, key: bytes, message: Message, at_s: float) -> None:
        value = self.parts.codec.encode(topic, message)
        self._outputs.append(Written(topic, key, value, at_s))
        self._n_bytes += len(value)

    async def _commit(self, *, tell: bool) -> None:
        """Write what was done since the last time; with `tell`, how the run stands as well."""
        self.progress.positions |= {str(place): offset for place, offset in self._positions.items()}
        self.progress.records = dict(self._records)
        now = self.parts.stages.seconds() | {"fusion": self._fusion_s}
        self.progress.seconds = self._spent | {name: self._spent.get(name, 0.0) + spent for name, spent in now.items()}
        if tell:
            self.run = msgspec.structs.replace(
                self.run,
                records=self.progress.records,
                seconds=self.progress.seconds,
                dead_letters=self.progress.dead_letters,
            )
        changes = self.parts.post_states.changes()
        batch = Batch(self._outputs, changes, self.progress, self._positions, self.run if tell else None)
        await asyncio.to_thread(self.parts.run_writer.commit, batch, self.parts.reader.metadata())
        self._outputs, self._n_bytes, self._positions = [], 0, {}
        self._committed_at = time.monotonic()
        self._told_at = self._committed_at if tell else self._told_at
