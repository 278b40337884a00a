"""Handle of one child process of the sandbox."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Self, get_args

from streams.decode.media.decoded import MediaReason
from streams.decode.sandbox import layers
from streams.decode.sandbox.child_main import ANSWER, BUG, END, HEADER, JOB, LAYERS, MEMORY, REFUSAL
from streams.errors import UnprocessableError

_MAX_ANSWER_BYTES = 32 * 1024 * 1024
"""Four times the largest record; a child that declares more is compromised."""
MAX_JOBS = 512
"""Jobs of one child, two for a medium: whoever takes it over decodes no further strangers' media. A start takes a third
of a second of the processor, 1 to 2 ms for a medium."""
_SOON_S = 0.05
_DRAIN_BYTES = 65_536
_REASONS = frozenset(get_args(MediaReason))


class Child:
    """A child process that answers one job at a time, at most 512, until it is killed."""

    def __init__(self, process: asyncio.subprocess.Process, files: socket.socket) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process, self._stdin, self._stdout = process, process.stdin, process.stdout
        self._files = files
        self.report: layers.Report | None = None
        """The outcome of its layers, once the first answer has been read."""
        self._reading: asyncio.Task[tuple[bytes, bytes]] | None = None
        self._left_s = 0.0
        self._n_jobs = 0

    @classmethod
    async def start(cls, work: str, memory_bytes: int, names: Sequence[str]) -> Self:
        """Return a running child that inherits only the module path: no environment, no open files.

        Parameters
        ----------
        work, memory_bytes
            As Sandbox.
        names
            Layers of its isolation; with "undumpable" this process becomes undumpable too.
        """
        if layers.UNDUMPABLE in names:
            layers.apply_to_parent()
        ours, theirs = socket.socketpair()
        arguments = work, str(memory_bytes), str(theirs.fileno()), ",".join(names)
        try:
            with theirs:
                process = await _started(arguments, theirs.fileno())
        except BaseException:
            ours.close()
            raise
        return cls(process, ours)

    @property
    def is_ready(self) -> bool:
        """True if the process runs, has no job and may get one."""
        return self._reading is None and self._process.returncode is None and self._n_jobs < MAX_JOBS

    def send(self, job: bytes, files: Sequence[int], timeout_s: float) -> None:
        """Send a job and the descriptors of its files; `timeout_s` is the longest time for all its answers together."""
        self._left_s = timeout_s
        self._n_jobs += 1
        with suppress(ConnectionError):  # the exit of the child is detected on reading
            socket.send_fds(self._files, [JOB], files)
            self._stdin.write(HEADER.pack(len(job), JOB) + job)
        self._reading = asyncio.create_task(self._read())

    async def answers_soon(self) -> bool:
        """Return whether the next answer arrives within 50 ms, as the end does after the last answer."""
        return await self._has_answered(_SOON_S)

    async def answer(self, timeout_s: float) -> bytes | None:
        """Return the next answer, None after the last.

        Raises
        ------
        UnprocessableError, RuntimeError
            As Sandbox.run.
        """
        timeout_s = min(timeout_s, self._left_s)
        if not await self._has_answered(timeout_s) or self._left_s <= 0:
            raise UnprocessableError("media_decode_timeout", f"no answer within {timeout_s:.3g} s")
        assert self._reading is not None
        kind, body = self._reading.result()
        if kind == ANSWER:
            self._reading = asyncio.create_task(self._read())
            return body
        if kind in (END, REFUSAL, BUG):  # after MEMORY the child gets no other job
            self._reading = None
        if kind == END:
            return None
        raise _error(kind, body)

    async def _has_answered(self, timeout_s: float) -> bool:
        """Wait for an answer, and deduct the wait from the job's time."""
        assert self._reading is not None
        started_s = asyncio.get_running_loop().time()
        done, _ = await asyncio.wait({self._reading}, timeout=timeout_s)
        self._left_s -= asyncio.get_running_loop().time() - started_s
        return bool(done)

    async def _read(self) -> tuple[bytes, bytes]:
        """Return kind and body of the next answer; the report before the first one is kept."""
        kind, body = await self._message()
        if kind == LAYERS and self.report is None:  # written before the child has read any untrusted byte
            self.report = json.loads(body)
            kind, body = await self._message()
        return kind, body

    async def _message(self) -> tuple[bytes, bytes]:
        try:
            length, kind = HEADER.unpack(await self._stdout.readexactly(HEADER.size))
            if length > _MAX_ANSWER_BYTES:
                raise UnprocessableError("media_decode_crash", f"the decoder declares an answer of {length} bytes")
            return kind, await self._stdout.readexactly(length)
        except asyncio.IncompleteReadError as error:
            raise _exit_error(await self._process.wait()) from error

    async def kill(self) -> None:
        """Kill the process and wait for its exit."""
        with suppress(ProcessLookupError):
            self._process.kill()
        if self._reading is not None:
            self._reading.cancel()
            with suppress(asyncio.CancelledError, UnprocessableError):
                await self._reading
        self._stdin.close()
        self._files.close()
        while await self._stdout.read(_DRAIN_BYTES):  # a paused pipe never closes, and wait() would not return
            pass
        await self._process.wait()


async def _started(arguments: Sequence[str], descriptor: int) -> asyncio.subprocess.Process:
    environment = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OPENBLAS_NUM_THREADS": "1"}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-s", "-B", "-m", "streams.decode.sandbox.child_main", *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment,
        pass_fds=(descriptor,),
        start_new_session=True,  # Ctrl-C must reach only the parent, which lets the record finish
    )


def _exit_error(code: int) -> UnprocessableError:
    """Return the error of a child that exited by itself: SIGKILL is then the kernel's, out of memory."""
    if code == -signal.SIGKILL:
        return UnprocessableError("media_decode_memory", "the kernel killed the decoder, most likely for its memory")
    return UnprocessableError("media_decode_crash", f"the decoder exited with {code}")


def _error(kind: bytes, body: bytes) -> Exception:
    """Return a child's last message as an error; its reason is checked because the child is not trusted."""
    text = body.decode("utf-8", "replace")
    if kind == MEMORY:
        return UnprocessableError(
            "media_decode_memory", "the decoder exceeded its memory limit (JIKIMI_MEDIA_DECODER_MEMORY_BYTES)"
        )
    if kind == REFUSAL:
        reason, _, detail = text.partition("\n")
        return UnprocessableError(reason if reason in _REASONS else "media_decode_crash", detail[:500])
    if kind == BUG:
        return RuntimeError(f"in the decoder:\n{text}")
    return UnprocessableError("media_decode_crash", "the decoder's answer is of an unknown kind")
