"""One child process of the sandbox, seen from outside."""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from typing import Self, get_args

from streams.decode.media.decoded import MediaReason
from streams.decode.sandbox.worker import ANSWER, BUG, END, HEADER, MEMORY, REFUSAL
from streams.errors import UnprocessableError

_MAX_ANSWER_BYTES = 32 * 1024 * 1024
"""Four times the largest record; a child that claims more has been taken over."""
_SOON_S = 0.05
_DRAIN_BYTES = 65_536
_REASONS = frozenset(get_args(MediaReason))


class Child:
    """Answers one job at a time, until it is killed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process, self._stdin, self._stdout = process, process.stdin, process.stdout
        self._reading: asyncio.Task[tuple[bytes, bytes]] | None = None
        self._left_s = 0.0

    @classmethod
    async def start(cls, *arguments: str) -> Self:
        """Return a running child with nothing of ours but the module path: no environment, no open files."""
        environment = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OPENBLAS_NUM_THREADS": "1"}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-s", "-B", "-m", "streams.decode.sandbox.worker", *arguments),
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
        return self._reading is None and self._process.returncode is None

    def send(self, job: bytes, timeout_s: float) -> None:
        """Give it a job whose answers may take so long together."""
        self._left_s = timeout_s
        with suppress(ConnectionError):  # a child that is gone is found out on reading
            self._stdin.write(HEADER.pack(len(job), ANSWER) + job)
        self._reading = asyncio.create_task(self._read())

    async def answers_soon(self) -> bool:
        """Return True if the next answer is as good as there, as the end is after the last answer."""
        return await self._has_answered(_SOON_S)

    async def answer(self, timeout_s: float) -> bytes | None:
        """Return the next answer, None after the last.

        Raises
        ------
        UnprocessableError, RuntimeError
            As Sandbox.run says.
        """
        timeout_s = min(timeout_s, self._left_s)
        if not await self._has_answered(timeout_s) or self._left_s <= 0:
            raise UnprocessableError("media_decode_timeout", f"no answer within {timeout_s:.3g} s")
        assert self._reading is not None
        kind, body = self._reading.result()
        if kind == ANSWER:
            self._reading = asyncio.create_task(self._read())
            return body
        if kind in (END, REFUSAL, BUG):  # after MEMORY it is not to be trusted with another job
            self._reading = None
        if kind == END:
            return None
        raise _error(kind, body)

    async def _has_answered(self, timeout_s: float) -> bool:
        """Wait so long for an answer, on the job's account."""
        assert self._reading is not None
        started_s = asyncio.get_running_loop().time()
        done, _ = await asyncio.wait({self._reading}, timeout=timeout_s)
        self._left_s -= asyncio.get_running_loop().time() - started_s
        return bool(done)

    async def _read(self) -> tuple[bytes, bytes]:
        try:
            length, kind = HEADER.unpack(await self._stdout.readexactly(HEADER.size))
            if length > _MAX_ANSWER_BYTES:
                raise UnprocessableError("media_decode_crash", f"the decoder claims an answer of {length} bytes")
            return kind, await self._stdout.readexactly(length)
        except asyncio.IncompleteReadError as error:
            raise _obituary(await self._process.wait()) from error

    async def kill(self) -> None:
        """Kill it, whatever it does, and wait until it is gone."""
        with suppress(ProcessLookupError):
            self._process.kill()
        if self._reading is not None:
            self._reading.cancel()
            with suppress(asyncio.CancelledError, UnprocessableError):
                await self._reading
        self._stdin.close()
        while await self._stdout.read(_DRAIN_BYTES):  # a paused pipe never ends, and then neither does wait()
            pass
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
    if kind == BUG:
        return RuntimeError(f"in the decoder:\n{text}")
    return UnprocessableError("media_decode_crash", "the decoder's answer is of no known kind")
