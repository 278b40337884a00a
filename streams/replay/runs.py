"""Runs of the `runs` topic: reading, listing and deletion."""

import asyncio
import time
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from schemas.messages import Run
from streams.errors import UsageError
from streams.kafka.clients import create_codec
from streams.kafka.compacted_topic import decode_or_refuse
from streams.kafka.transactions import TransactionWriter
from streams.kafka.whole_topic import read_latest
from streams.replay.naming import Naming
from streams.replay.run_topics import delete_topics
from streams.settings import Settings

_DEAD_S = 20.0
"""Age of a run's record above which its process is dead or stopped: four heartbeats."""


class RunEntry(NamedTuple):
    """Record of a run."""

    run: Run
    updated_at_s: float
    """Timestamp of the record, seconds since the epoch."""

    @property
    def state(self) -> str:
        """State of the run: running, interrupted, stopped or finished."""
        if self.run.finished_at is not None:
            return "finished" if self.run.kind == "replay" else "stopped"
        return "running" if time.time() - self.updated_at_s < _DEAD_S else "interrupted"


async def read_runs(settings: Settings) -> dict[str, RunEntry]:
    """Return every run by id; a record that cannot be decoded is logged and left out.

    Raises
    ------
    UsageError
        The broker does not answer, or lacks the topic.
    """
    codec = create_codec(settings)
    found: dict[str, RunEntry] = {}
    for key, update in (await read_latest(settings, "runs")).items():
        run = decode_or_refuse(codec, "runs", update)
        if isinstance(run, Run):
            found[key.decode(errors="replace")] = RunEntry(run, update.timestamp_s)
    return found


async def read_run(settings: Settings, run_id: str) -> RunEntry:
    """Return one run.

    Raises
    ------
    UsageError
        There is no such run, or the broker does not answer.
    """
    entry = (await read_runs(settings)).get(Naming(settings, run_id).run_id)
    if entry is None:
        raise UsageError(f"no run {run_id}: `jikimi replay list` shows all runs")
    return entry


async def clean(settings: Settings, run_id: str) -> None:
    """Delete a run's topics, its group and then its record, so that an interrupted deletion can be repeated.

    Raises
    ------
    UsageError
        There is no such run, it is running, or the broker refuses.
    """
    naming = Naming(settings, run_id)
    entry = await read_run(settings, run_id)
    if entry.state == "running":
        ago_s = time.time() - entry.updated_at_s
        raise UsageError(f"{run_id} is running (updated {ago_s:.0f} s ago): stop it, and try again {_DEAD_S:g} s later")
    writer = await asyncio.to_thread(TransactionWriter, settings, naming.writer)
    await asyncio.to_thread(writer.start)  # fences a process of the run that hangs
    await asyncio.to_thread(delete_topics, settings, naming, entry.run.source)
    await asyncio.to_thread(writer.write_transaction, lambda: writer.write("runs", run_id, None))


async def print_runs(settings: Settings, console: Console) -> None:
    """Print one line per run."""
    table = Table("run", "kind", "from", "state", "started", "records", "dead letters", box=None)
    for run_id, entry in sorted((await read_runs(settings)).items()):
        run = entry.run
        started = f"{run.started_at:%Y-%m-%d %H:%M} UTC"
        n = str(max(run.records.values(), default=0))
        table.add_row(run_id, run.kind, run.source, entry.state, started, n, str(run.dead_letters))
    console.print(table)
