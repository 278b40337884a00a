"""Work on untrusted bytes in child processes that can be killed, each alone.

A child that hangs, crashes or eats memory costs the one record it worked on; the next job gets a new child. Answers are
taken one at a time: while the caller is busy the pipe fills and the child waits, so memory is bounded on both sides.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Self, get_args

from streams.errors import UnprocessableError
from streams.media.decoded import MediaReason
from streams.media.worker import ANSWER, BUG, END, HEADER, MEMORY, REFUSAL

_MAX_ANSWER_BYTES = 32 * 1024 * 1024
"""Four times the largest record; a child that claims more has been taken over."""
_REASONS = frozenset(get_args(MediaReason))


class Sandbox:
    """A few child processes that share the jobs.

    Parameters
    ----------
    work
        "module:function", called in the child with a job's bytes, gives the answers' bytes.
    n_children
        How many jobs run at once.
    memory_bytes
        Address space of each child.
    """

    def __init__(self, work: str, *, n_children: int, memory_bytes: int) -> None:
        self._arguments = (work, str(memory_bytes))
        self._slots = asyncio.Semaphore(n_children)
        self._idle: list[_Child] = []

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
            For the work function.
        answer_timeout_s
            Longest wait for one answer.
        job_timeout_s
            Longest wait for all answers together; time the caller takes between answers does not count.

        Raises
        ------
        UnprocessableError
            media_decode_timeout, media_decode_memory, media_decode_crash, or what the work function raised.
        RuntimeError
            If the work function raised anything else: a bug, with the child's traceback.
        """
        async with self._slots:
            child = await self._child()
            try:
                async with aclosing(child.answers(job, answer_timeout_s, job_timeout_s)) as answers:
                    async for answer in answers:
                        yield answer
            finally:
                if child.is_ready:
                    self._idle.append(child)
                else:
                    await child.kill()

    async def _child(self) -> "_Child":
        while self._idle:
            child = self._idle.pop()
            if child.is_ready:
                return child
            await child.kill()
        return await _Child.start(*self._arguments)


class _Child:
    """One child process, seen from outside."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process, self._stdin, self._stdout = process, process.stdin, process.stdout
        self._is_between_jobs = True

    @classmethod
    async def start(cls, *arguments: str) -> Self:
        """Return a running child with nothing of ours but the module path: no environment, no open files."""
        environment = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OPENBLAS_NUM_THREADS": "1"}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-s", "-B", "-m", "streams.media.worker", *arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment,
            start_new_session=True,  # Ctrl-C is for the parent, which lets the record finish
        )
        return cls(process)

    @property
    def is_ready(self) -> bool:
        """True if it lives and owes no answer."""
        return self._is_between_jobs and self._process.returncode is None

    async def answers(self, job: bytes, answer_timeout_s: float, job_timeout_s: float) -> AsyncGenerator[bytes]:
        """Yield the answers to one job; raises as Sandbox.run says."""
        self._is_between_jobs = False
        left_s, clock = job_timeout_s, asyncio.get_running_loop().time
        with suppress(ConnectionError):  # a child that is gone is found out on reading
            self._stdin.write(HEADER.pack(len(job), ANSWER) + job)
        while True:
            asked_s = clock()
            kind, body = await self._answer(min(answer_timeout_s, left_s))
            left_s -= clock() - asked_s
            self._is_between_jobs = kind in (END, REFUSAL, BUG)
            if kind == END:
                return
            if kind != ANSWER:
                raise _error(kind, body)
            yield body

    async def _answer(self, timeout_s: float) -> tuple[bytes, bytes]:
        try:
            async with asyncio.timeout(timeout_s):
                length, kind = HEADER.unpack(await self._stdout.readexactly(HEADER.size))
                if length > _MAX_ANSWER_BYTES:
                    raise UnprocessableError("media_decode_crash", f"the decoder claims an answer of {length} bytes")
                return kind, await self._stdout.readexactly(length)
        except TimeoutError as error:
            raise UnprocessableError("media_decode_timeout", f"no answer within {timeout_s:.3g} s") from error
        except asyncio.IncompleteReadError as error:
            raise _obituary(await self._process.wait()) from error

    async def kill(self) -> None:
        """Kill it, whatever it does, and wait until it is gone."""
        with suppress(ProcessLookupError):
            self._process.kill()
        self._stdin.close()
        await self._process.wait()


def _obituary(code: int) -> UnprocessableError:
    """Return why a child died that we did not kill: SIGKILL is then the kernel's, out of memory."""
    if code == -signal.SIGKILL:
        return UnprocessableError("media_decode_memory", "the kernel killed the decoder, most likely for its memory")
    return UnprocessableError("media_decode_crash", f"the decoder died with {code}")


def _error(kind: bytes, body: bytes) -> Exception:
    """Return what a child's last message says; its words are not trusted to be one of our reasons."""
    text = body.decode("utf-8", "replace")
    if kind == MEMORY:
        return UnprocessableError("media_decode_memory", "the decoder asked for more memory than it may have")
    if kind == REFUSAL:
        reason, _, detail = text.partition("\n")
        return UnprocessableError(reason if reason in _REASONS else "media_decode_crash", detail[:500])
    assert kind == BUG, kind
    return RuntimeError(f"in the decoder:\n{text}")
