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

from schemas.messages import Run, Verdict
from streams.engine.dead_letter_limit import TooManyDeadLettersError
from streams.engine.record import Record
from streams.replay.chain import Prepared
from streams.replay.joiner import Joiner
from streams.replay.parts import Parts
from streams.replay.run_writer import Batch, Progress

_READ_LIMIT = 200
_READ_S = 0.25
_MAX_OUTPUTS = 500
_MAX_BYTES = 8 * 1024 * 1024
"""Outputs and bytes above which a transaction is committed."""
_COMMIT_S = 1.0
HEARTBEAT_S = 5.0
"""Interval at which the run's record is written, also without changes: a recent one shows that the run is alive."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Rate and clock of a run.

    Attributes
    ----------
    ahead
        Records prepared at once.
    max_rate
        Records a second; 0 means no limit.
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
    _joiner: Joiner = field(init=False)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _seconds_before: dict[str, float] = field(default_factory=dict)
    _committed_at: float = 0.0
    _run_written_at: float = 0.0

    def __post_init__(self) -> None:
        self._joiner = Joiner(self.parts, self.progress, self.on_verdict, live=self.pace.live)
        self._joiner.records = Counter(self.progress.records)

    def stop(self) -> None:
        """Make `execute` return after the records in flight; an outage of the broker is outlived no longer."""
        self.parts.run_writer.outage_s = 0.0
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
        await self._commit(with_run=True)
        try:
            await self._work()
        except TooManyDeadLettersError:
            await self._commit(with_run=True)
            raise
        if not self._stopping.is_set() and not self.pace.live:
            for state in self.parts.window.open_states():
                await self._joiner.close(state)
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
                    await self._joiner.join(await self._result(window.popleft()))
                await self._tick()
            while window:
                await self._joiner.join(await self._result(window.popleft()))
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
            await self._joiner.expire(time.time())
        now = time.monotonic()
        with_run = now - self._run_written_at >= HEARTBEAT_S
        waiting = self._joiner.positions and now - self._committed_at >= _COMMIT_S
        full = len(self._joiner.outputs) >= _MAX_OUTPUTS or self._joiner.n_bytes >= _MAX_BYTES
        if with_run or waiting or full:
            await self._commit(with_run=with_run)

    async def _commit(self, *, with_run: bool) -> None:
        """Write all outputs since the last commit in one transaction, on request with the record of the run."""
        self.progress.positions |= {str(partition): offset for partition, offset in self._joiner.positions.items()}
        self.progress.records = dict(self._joiner.records)
        before, since = self._seconds_before, self.parts.stages.seconds() | {"fusion": self._joiner.fusion_s}
        self.progress.seconds = before | {stage: before.get(stage, 0.0) + since[stage] for stage in since}
        if with_run:
            self.run = msgspec.structs.replace(
                self.run,
                records=self.progress.records,
                seconds=self.progress.seconds,
                dead_letters=self.progress.dead_letters,
            )
        changes = self.parts.state.changes()
        batch = Batch(
            self._joiner.outputs, changes, self.progress, self._joiner.positions, self.run if with_run else None
        )
        await asyncio.to_thread(self.parts.run_writer.commit, batch, self.parts.reader.metadata())
        self._joiner.committed()
        self._committed_at = time.monotonic()
        self._run_written_at = self._committed_at if with_run else self._run_written_at
