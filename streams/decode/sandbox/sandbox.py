"""Sandbox: untrusted bytes are processed in child processes, each of which can be killed alone.

A child that hangs, crashes or exhausts its memory fails only the record it worked on; the next job gets a new child.
Answers are read one at a time: while the caller is busy the pipe fills and the child waits (back-pressure), so memory
is bounded on both sides.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import nullcontext
from typing import Self

from streams.decode.sandbox.child import Child


class Sandbox:
    """Pool of child processes.

    Parameters
    ----------
    work
        "module:function", called in the child with a job's bytes, yields the answers' bytes.
    n_children
        Most jobs open at once, each with a child of its own.
    n_working
        Most children that work at once: the cores. Open jobs take turns answer by answer, so a film delays no clip.
    memory_bytes
        Address space of each child.
    """

    def __init__(self, work: str, *, n_children: int, n_working: int, memory_bytes: int) -> None:
        self._arguments = (work, str(memory_bytes))
        self._slots = asyncio.Semaphore(n_children)
        self._turns = asyncio.Semaphore(n_working)
        self._idle: list[Child] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Kill the idle children; those at work end with their jobs."""
        while self._idle:
            await self._idle.pop().kill()

    async def run(self, job: bytes, *, answer_timeout_s: float, job_timeout_s: float) -> AsyncGenerator[bytes]:
        """Yield the answers to one job; close the generator if you stop early.

        Parameters
        ----------
        job
            Argument of the work function.
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
        async with self._slots:
            try:
                async with self._turns:
                    child = await self._child()
                    child.send(job, job_timeout_s)
                    answer = await child.answer(answer_timeout_s)
                while answer is not None:
                    yield answer
                    # Without a turn if the answer is imminent: a job that ends now frees its child for the next.
                    async with nullcontext() if await child.answers_soon() else self._turns:
                        answer = await child.answer(answer_timeout_s)
            finally:
                if child is not None:
                    await self._release(child)

    async def _child(self) -> Child:
        while self._idle:
            child = self._idle.pop()
            if child.is_ready:
                return child
            await child.kill()
        return await Child.start(*self._arguments)

    async def _release(self, child: Child) -> None:
        if child.is_ready:
            self._idle.append(child)
        else:
            await child.kill()
