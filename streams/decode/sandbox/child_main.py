"""Child process of the sandbox: drops its privileges, then answers jobs from its standard input.

Started as `python -m streams.decode.sandbox.child_main module:function memory_bytes`. A message is four bytes of
length, one of kind, and the rest; the function maps a job's bytes to an iterator of answers' bytes.
"""

import ctypes
import os
import pkgutil
import resource
import signal
import struct
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from streams.errors import UnprocessableError

ANSWER, END, REFUSAL, MEMORY, BUG = b"A", b"E", b"R", b"M", b"B"
HEADER = struct.Struct("<Ic")
"""Length of the body in bytes, kind."""

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_MAX_OPEN_FILES = 32

type Work = Callable[[bytes], Iterator[bytes]]


def main() -> None:
    """Serve jobs until standard input ends."""
    name, memory_bytes = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library's output on stdout must not be read as an answer
    _bind_to_parent()
    resource.setrlimit(resource.RLIMIT_AS, (int(memory_bytes),) * 2)
    work: Work = pkgutil.resolve_name(name)
    _drop_privileges()
    while header := sys.stdin.buffer.read(HEADER.size):
        length, _ = HEADER.unpack(header)
        _serve(work, sys.stdin.buffer.read(length), answers)


def _bind_to_parent() -> None:
    """Terminate with the parent, and before it when the machine runs out of memory."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def _drop_privileges() -> None:
    """Drop network access where the kernel allows it, new privileges, writing files and starting processes."""
    if sys.platform == "linux":
        with suppress(OSError):  # containers often forbid user namespaces; then the pod's network policy applies
            os.unshare(os.CLONE_NEWUSER | os.CLONE_NEWNET)
        ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NPROC: 0,
        resource.RLIMIT_NOFILE: _MAX_OPEN_FILES,
    }
    for limit, most in limits.items():
        resource.setrlimit(limit, (most, most))


def _serve(work: Work, job: bytes, answers: BinaryIO) -> None:
    try:
        for answer in work(job):
            _send(answers, ANSWER, answer)
    except UnprocessableError as error:
        _send(answers, REFUSAL, f"{error.reason}\n{error.detail}".encode("utf-8", "replace"))
    except MemoryError:
        _send(answers, MEMORY)
    except Exception:  # noqa: BLE001 (the parent raises it as a bug)
        _send(answers, BUG, traceback.format_exc().encode("utf-8", "replace"))
    else:
        _send(answers, END)


def _send(answers: BinaryIO, kind: bytes, body: bytes = b"") -> None:
    answers.write(HEADER.pack(len(body), kind) + body)
    answers.flush()


if __name__ == "__main__":
    main()
