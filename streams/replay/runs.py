"""The runs there are, from the runs topic: read, shown and cleaned away."""

import asyncio
import time
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from schemas.messages import Run
from streams.errors import UsageError
from streams.kafka.codec_factory import create_codec
from streams.kafka.compacted_topic import decode_or_refuse
from streams.kafka.topic_reader import read_latest
from streams.kafka.transactions import TransactionWriter
from streams.replay.naming import Naming
from streams.replay.run_topics import delete_topics
from streams.settings import Settings

_DEAD_S = 20.0
"""A run that has not told anything for so long is dead or stopped: four of its heartbeats."""


class Known(NamedTuple):
    """A run, and when it was last heard of."""

    run: Run
    told_at_s: float
    """Seconds since the epoch."""

    @property
    def state(self) -> str:
        """What it does now, in a word."""
        if self.run.finished_at is not None:
            return "finished" if self.run.kind == "replay" else "stopped"
        return "running" if time.time() - self.told_at_s < _DEAD_S else "interrupted"


async def read_runs(settings: Settings) -> dict[str, Known]:
    """Return every run by id; one that cannot be read is left out with a word.

    Raises
    ------
    UsageError
        The broker does not answer, or has no such topic.
    """
    codec = create_codec(settings)
    found: dict[str, Known] = {}
    for key, update in (await read_latest(settings, "runs")).items():
        run = decode_or_refuse(codec, "runs", update)
        if isinstance(run, Run):
            found[key.decode(errors="replace")] = Known(run, update.timestamp_s)
    return found


async def read_run(settings: Settings, run_id: str) -> Known:
    """Return one run.

    Raises
    ------
    UsageError
        There is no such run, or the broker does not answer.
    """
    known = (await read_runs(settings)).get(Naming(settings, run_id).run_id)
    if known is None:
        raise UsageError(f"no run {run_id}: `jikimi replay list` shows those there are")
    return known


async def clean(settings: Settings, run_id: str) -> None:
    """Delete a run's topics, its group and the record of it, in this order: what breaks off can be done again.

    Raises
    ------
    UsageError
        There is no such run, it runs, or the broker refuses.
    """
    naming = Naming(settings, run_id)
    known = await read_run(settings, run_id)
    if known.state == "running":
        ago_s = time.time() - known.told_at_s
        raise UsageError(f"{run_id} runs (heard of {ago_s:.0f} s ago): stop it, and try again {_DEAD_S:g} s later")
    writer = await asyncio.to_thread(TransactionWriter, settings, naming.writer)
    await asyncio.to_thread(writer.start)  # whatever hangs somewhere can write no more
    await asyncio.to_thread(delete_topics, settings, naming, known.run.source)
    await asyncio.to_thread(writer.write_transaction, lambda: writer.write("runs", run_id, None))


async def print_runs(settings: Settings, console: Console) -> None:
    """Print one line per run."""
    table = Table("run", "kind", "from", "state", "started", "records", "dead letters", box=None)
    for run_id, known in sorted((await read_runs(settings)).items()):
        run = known.run
        started = f"{run.started_at:%Y-%m-%d %H:%M} UTC"
        n = str(max(run.records.values(), default=0))
        table.add_row(run_id, run.kind, run.source, known.state, started, n, str(run.dead_letters))
    console.print(table)
