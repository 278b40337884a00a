"""Sandbox: untrusted bytes are processed in child processes, each of which can be killed alone.

A child that hangs, crashes or exhausts its memory fails only the record it worked on; the next job gets a new child.
Answers are read one at a time: while the caller is busy the pipe fills and the child waits (back-pressure), so memory
is bounded on both sides.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from typing import Self

import structlog

from streams.decode.sandbox import layers
from streams.decode.sandbox.child import Child
from streams.engine.waiting import waiting
from streams.telemetry import metrics

log = structlog.get_logger()


class Sandbox:
    """Pool of child processes.

    Parameters
    ----------
    work
        "module:function", called in the child with a job's bytes and the descriptors of its files, yields the answers'
        bytes. It can open no file and load no module.
    n_children
        Most jobs open at once, each with a child of its own: the memory. A job that waits for it starts no process, and
        its record's deadline stands still.
    n_working
        Most children that work at once: the cores. Open jobs take turns answer by answer, so a film delays no clip.
    memory_bytes
        Address space of each child.
    layer_names
        Layers of the children's isolation; all by default. A missing one is logged and measured, not an error.
    """

    def __init__(
        self,
        work: str,
        *,
        n_children: int,
        n_working: int,
        memory_bytes: int,
        layer_names: Sequence[str] | None = None,
    ) -> None:
        self._arguments = (work, memory_bytes, layers.available() if layer_names is None else layer_names)
        self.report: layers.Report = {}
        """Layer of the children's isolation to what is missing of it; empty before the first answer."""
        self._slots = asyncio.Semaphore(n_children)
        self._turns = asyncio.Semaphore(n_working)
        self._memory_bytes = memory_bytes
        metrics.SANDBOX_MEMORY_BYTES.labels("budget").set(n_children * memory_bytes)
        self._idle: list[Child] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Kill the idle children; those at work end with their jobs."""
        while self._idle:
            await self._end(self._idle.pop())

    async def run(
        self, job: bytes, files: Sequence[int] = (), *, answer_timeout_s: float, job_timeout_s: float
    ) -> AsyncGenerator[bytes]:
        """Yield the answers to one job; close the generator if you stop early.

        Parameters
        ----------
        job
            Argument of the work function.
        files
            At most two descriptors of open files; the child's duplicates share their positions.
        answer_timeout_s
            Longest wait for one answer.
        job_timeout_s
            Longest wait for all answers together; time the caller takes between answers does not count.

        Raises
        ------
        UnprocessableError
            media_decode_timeout, media_decode_memory, media_decode_crash, or the work function's own reason.
        RuntimeError
            If the work function raised anything else: a bug, with the child's traceback.
        """
        child = None
        async with _held(self._slots):
            try:
                async with _held(self._turns):
                    child = await self._child()
                    child.send(job, files, job_timeout_s)
                    answer = await child.answer(answer_timeout_s)
                while answer is not None:
                    yield answer
                    # Without a turn if the answer is imminent: a job that ends now frees its child for the next.
                    async with nullcontext() if await child.answers_soon() else _held(self._turns):
                        answer = await child.answer(answer_timeout_s)
            finally:
                if child is not None:
                    await self._release(child)

    async def _child(self) -> Child:
        while self._idle:
            child = self._idle.pop()
            if child.is_ready:
                return child
            await self._end(child)
        child = await Child.start(*self._arguments)
        metrics.SANDBOX_MEMORY_BYTES.labels("reserved").inc(self._memory_bytes)
        return child

    async def _end(self, child: Child) -> None:
        metrics.SANDBOX_MEMORY_BYTES.labels("reserved").dec(self._memory_bytes)
        await child.kill()

    def _keep(self, report: layers.Report | None) -> None:
        """Log and measure the children's layers, once and after a change."""
        if not report or report == self.report:
            return
        self.report = report
        missing = {name: lacks for name, lacks in report.items() if lacks}
        holding = [name for name in report if name not in missing]
        log.log(logging.WARNING if missing else logging.INFO, "children isolated", holding=holding, missing=missing)
        for name in report:
            metrics.SANDBOX_LAYER_MISSING.labels(name).set(name in missing)

    async def _release(self, child: Child) -> None:
        self._keep(child.report)
        if child.is_ready:
            self._idle.append(child)
        else:
            await self._end(child)


@asynccontextmanager
async def _held(slots: asyncio.Semaphore) -> AsyncIterator[None]:
    """Hold one of these slots; the wait for it is outside the record's deadline."""
    async with AsyncExitStack() as stack:
        if slots.locked():
            async with waiting():
                await stack.enter_async_context(slots)
        else:
            await stack.enter_async_context(slots)
        yield
