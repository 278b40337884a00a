"""Progress of a run on the console: a bar on a terminal, otherwise a line every ten seconds."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from streams.replay.engine import Engine

_REFRESH_S = 0.5
_LINE_S = 10.0


@asynccontextmanager
async def progress_display(console: Console, engines: list[Engine]) -> AsyncIterator[None]:
    """Show the progress of the first engine as soon as the list has one."""
    task = asyncio.create_task(_bar(console, engines) if console.is_terminal else _lines(console, engines))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _bar(console: Console, engines: list[Engine]) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("loading", total=None)
        while True:
            for engine in engines[:1]:
                done, total = engine.offsets()
                progress.update(task, description=engine.run.run_id, completed=done, total=total)
            await asyncio.sleep(_REFRESH_S)


async def _lines(console: Console, engines: list[Engine]) -> None:
    started_s, before = time.monotonic(), None
    while True:
        await asyncio.sleep(_LINE_S)
        for engine in engines[:1]:
            done, total = engine.offsets()
            before = done if before is None else before
            rate = (done - before) / (time.monotonic() - started_s)
            left = "" if total is None or rate <= 0 else f", about {(total - done) / rate:.0f} s left"
            of = "" if total is None else f" of {total}"
            console.print(f"{engine.run.run_id}: {done}{of} records{left}", highlight=False)
