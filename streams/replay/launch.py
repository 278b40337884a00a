"""Start of a run or of its continuation: checks, then the run's topics and copy of the cases, then its loop."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from hashlib import blake2b

import msgspec

from models.registry import Registry
from schemas.codec import Codec
from schemas.messages import Case, Run, Verdict
from streams.cases.open_cases import OpenCases
from streams.engine.dead_letter_limit import DeadLetterLimit, TooManyDeadLettersError
from streams.engine.stop_signals import stopping_on_signals
from streams.errors import UsageError
from streams.fusion.join_window import JoinWindow
from streams.kafka.clients import create_codec
from streams.kafka.usage_errors import usage_errors
from streams.kafka.wait_for_broker import wait_for_broker
from streams.kafka.whole_topic import read_latest
from streams.live_models.selection import create_registry
from streams.replay.chain import Chain
from streams.replay.engine import Engine, Pace
from streams.replay.merged_reader import MergedReader
from streams.replay.naming import CASES, STATE, Naming, written_topics
from streams.replay.parts import Parts
from streams.replay.plan import Planned, RunRequest, plan
from streams.replay.run_cases import RunCases
from streams.replay.run_state import RunState
from streams.replay.run_topics import create_topics
from streams.replay.run_writer import PROGRESS_KEY, Batch, Progress, RunWriter
from streams.replay.runs import read_runs
from streams.replay.span import PartitionId
from streams.replay.stages import Stages
from streams.settings import Settings

_LARGE = {"posts", "frames", "sounds"}
_AHEAD, _AHEAD_LARGE = 64, 8
"""Records prepared at once; the second where one record may take 8 MB."""

type OnVerdict = Callable[[str, Verdict | None], None]
"""Called with the id of each post whose scores arrive and None, and with each verdict."""
type OnStart = Callable[[Engine], None]
"""Called before the first record."""


def ignore_verdict(post_id: str, verdict: Verdict | None) -> None:
    """Do nothing."""


async def launch(
    settings: Settings, request: RunRequest, on_start: OnStart, on_verdict: OnVerdict = ignore_verdict
) -> Run:
    """Process records to the end of the run, or until SIGINT or SIGTERM; return the run's record then.

    Raises
    ------
    UsageError, ModelError
        The request is refused and nothing was written; or another process has fenced this one or a dependency has
        failed, and the run can be continued.
    """
    await asyncio.to_thread(wait_for_broker, settings)
    codec, registry = create_codec(settings), create_registry(settings)
    try:
        with usage_errors(settings):
            planned = await plan(settings, request, registry, codec)
            if planned.run.kind == "replay" and planned.run.finished_at is not None:
                return planned.run
            async with AsyncExitStack() as stack:
                return await _Session(settings, codec, planned, stack).run(registry, request, on_start, on_verdict)
    except TooManyDeadLettersError as error:
        raise UsageError(f"{request.run_id} stopped, and can be continued: {error}") from error


class _Session:
    """Execution of a run by one process; the stack closes its resources."""

    def __init__(self, settings: Settings, codec: Codec, planned: Planned, stack: AsyncExitStack) -> None:
        self._settings, self._codec, self._stack = settings, codec, stack
        self._started, self._is_new = planned
        self._is_live = planned.run.kind == "shadow"
        self._naming = Naming(settings, planned.run.run_id)
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self, registry: Registry, request: RunRequest, on_start: OnStart, on_verdict: OnVerdict) -> Run:
        choice, source = self._started.choice, self._started.source
        cases = OpenCases(self._settings, self._codec, self._fail, CASES if self._is_live else self._naming.of(CASES))
        self._stack.push_async_callback(cases.stop)
        fusion = await asyncio.to_thread(registry.fusion, choice.fusion)
        look_at = self._settings.looks_from
        run_cases = RunCases(cases, fusion, choice.policy, pinned=not self._is_live, look_at=look_at)
        stages = Stages(run_cases.index, n_threads=request.threads)
        self._stack.push_async_callback(stages.close)
        await stages.open(source, self._settings, registry, choice)
        # Every check that refuses a request comes before this first write.
        run_writer = await self._open_writer()
        progress, state = await self._restore(run_writer)
        window = JoinWindow(state, run_cases.rules, progress.deadline_s, progress.memory_s)
        reader = await asyncio.to_thread(self._reader, progress)
        self._stack.callback(reader.close)
        parts = Parts(
            reader=reader,
            stages=stages,
            chain=Chain(source, stages, self._codec, partial(is_in_share, self._started.share)),
            cases=run_cases,
            window=window,
            state=state,
            run_writer=run_writer,
            codec=self._codec,
            limit=DeadLetterLimit(self._settings.max_dead_letters_in_a_row),
            keeps=frozenset(written_topics(source)),
        )
        pace = Pace(_AHEAD_LARGE if source in _LARGE else _AHEAD, request.max_rate, self._is_live)
        engine = Engine(parts, pace, msgspec.structs.replace(self._started, finished_at=None), progress, on_verdict)
        on_start(engine)
        await self._execute(engine, run_cases)
        return engine.run

    async def _open_writer(self) -> RunWriter:
        """Return the writer of the run once it has fenced every other; write the run's record and create its topics."""
        run_writer = await asyncio.to_thread(RunWriter, self._settings, self._naming)
        await asyncio.to_thread(run_writer.start)
        run_id = self._started.run_id
        if self._is_new and run_id in await read_runs(self._settings):
            raise UsageError(f"another process has just started {run_id}: `jikimi replay list` shows it")
        await asyncio.to_thread(run_writer.commit, Batch(run=self._started))
        await asyncio.to_thread(create_topics, self._settings, self._naming, self._started.source)
        return run_writer

    async def _restore(self, run_writer: RunWriter) -> tuple[Progress, RunState]:
        """Return the checkpoint and join state of the run, after writing its start if there is no checkpoint."""
        latest = await read_latest(self._settings, self._naming.of(STATE))
        states = {key: update.value or b"" for key, update in latest.items()}
        checkpoint = states.pop(PROGRESS_KEY, None)
        progress = (
            msgspec.msgpack.decode(checkpoint, type=Progress) if checkpoint else await self._write_start(run_writer)
        )
        return progress, RunState(states)

    async def _write_start(self, run_writer: RunWriter) -> Progress:
        progress = Progress(
            positions=dict(self._started.starts),
            deadline_s=self._settings.fusion_deadline_s,
            memory_s=self._settings.fusion_memory_s,
        )
        # Sorted by key because compaction changes the order of the live topic, and with it the order of ties.
        entries = {} if self._is_live else await read_latest(self._settings, CASES)
        cases = {key: self._without_key(key, update.value or b"") for key, update in sorted(entries.items())}
        await asyncio.to_thread(run_writer.pin, cases, progress)
        # A transaction is visible for certain once the next has begun.
        await asyncio.to_thread(run_writer.commit, Batch(run=self._started))
        return progress

    def _without_key(self, key: bytes, value: bytes) -> bytes:
        """Return a case's entry without its data key, which must have no copy: a run's evidence has no thumbnails."""
        if b"/" in key:  # of a reference
            return value
        entry = self._codec.decode(CASES, value)
        assert isinstance(entry, Case)
        return self._codec.encode(CASES, msgspec.structs.replace(entry, data_key=b""))

    def _reader(self, progress: Progress) -> MergedReader:
        starts = {PartitionId.parse(text): offset for text, offset in progress.positions.items()}
        ends = {PartitionId.parse(text): offset for text, offset in self._started.ends.items()}
        return MergedReader(self._settings, self._naming.group, starts, None if self._is_live else ends)

    async def _execute(self, engine: Engine, run_cases: RunCases) -> None:
        work = asyncio.create_task(engine.execute())
        following = asyncio.create_task(run_cases.run())
        try:
            with stopping_on_signals(engine.stop):
                await asyncio.wait({work, following, self._failed}, return_when=asyncio.FIRST_COMPLETED)
            for task in (work, following, self._failed):
                if task.done():
                    task.result()
        finally:
            for task in (work, following):
                task.cancel()
            await asyncio.gather(work, following, return_exceptions=True)

    def _fail(self, error: Exception) -> None:
        if not self._failed.done():
            self._failed.set_exception(error)


def is_in_share(share: float, post_id: str) -> bool:
    """Return whether a post is among this share of all posts, by a hash of its id."""
    return int.from_bytes(blake2b(post_id.encode(), digest_size=8).digest()) < share * 2**64
